//! The record of one exchange, from its head to the last octet of its answer, or until it breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{Method, StatusCode, Version};
use http_body::{Frame, SizeHint};
use windhover_contract::{Body, ClientFault, Connection, Fault, Identifier, Lifetime, Request, Response, Scheme};

use super::Telemetry;
use super::traces::Span;
use crate::app::{App, Loaded};

/// The record of one exchange. It ends when it is dropped.
pub(crate) struct Record {
    telemetry: Arc<Telemetry>,
    began: Instant,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) host: Option<String>,
    pub(super) scheme: Scheme,
    pub(super) version: Version,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) identifier: Option<Identifier>,
    /// What answers, with its version.
    pub(super) app: Option<(Arc<str>, Arc<str>)>,
    /// What led there: the path that the app is at. `None`: nothing did.
    pub(super) route: Option<String>,
    pub(super) span: Option<Span>,
    /// `None`: it broke off before.
    pub(super) status: Option<StatusCode>,
    pub(super) until_head: Option<Duration>,
    pub(super) sent: u64,
    received: Arc<AtomicU64>,
    /// Knows whether this side has broken the exchange off. `None`: nobody does.
    lifetime: Option<Arc<dyn Lifetime>>,
    /// What broke the answer off.
    fault: Option<Fault>,
    /// Octets of content that the answer has in all. `None`: its end is told by the content itself.
    expected: Option<u64>,
    is_whole: bool,
}

impl Record {
    pub(super) fn begin(telemetry: Arc<Telemetry>, request: &mut Request) -> Box<Self> {
        if let Some(metrics) = &telemetry.metrics {
            metrics.begin();
        }
        let received = Arc::new(AtomicU64::new(0));
        if !request.body.is_empty() {
            let content = std::mem::replace(&mut request.body, Body::empty());
            request.body = Body::stream(Received { content, count: Arc::clone(&received) });
        }
        Box::new(Self {
            began: Instant::now(),
            method: request.method.clone(),
            path: request.target.whole_path().into_owned(),
            host: request.target.authority().map(|authority| authority.as_str().to_owned()),
            scheme: request.target.scheme(),
            version: request.version,
            connection: request.features.connection.clone(),
            identifier: request.features.identifier.clone(),
            app: None,
            route: None,
            span: telemetry.traces.as_ref().map(|traces| traces.begin(request)),
            telemetry,
            status: None,
            until_head: None,
            sent: 0,
            received,
            lifetime: request.features.lifetime.clone(),
            fault: None,
            expected: None,
            is_whole: false,
        })
    }

    /// Says which app answers, and at which path it is.
    pub(crate) fn answered_by(&mut self, app: &App, loaded: Option<&Loaded>, base: &str) {
        let version = loaded.map_or_else(|| "".into(), |loaded| Arc::clone(&loaded.version));
        self.app = Some((Arc::clone(&app.name), version));
        if self.span.is_some() {
            self.route = Some(if base.is_empty() { "/" } else { base }.to_owned());
        }
    }

    /// Takes down the head of the answer, and follows its content to the end.
    pub(crate) fn follow(mut self: Box<Self>, mut response: Response) -> Response {
        self.status = Some(response.status);
        self.until_head = Some(self.began.elapsed());
        if response.body.is_empty() {
            self.is_whole = true; // dropped here: the record ends
            return response;
        }
        // Of content that is never sent, none is missing; of content whose length is known, nobody need ask for the end.
        let is_upgraded = response.status == StatusCode::SWITCHING_PROTOCOLS;
        let is_sent = is_upgraded || Response::has_content(&self.method, response.status);
        self.expected = if is_sent { expected(&response) } else { Some(0) };
        self.is_whole = self.expected == Some(0);
        response.body = Body::stream(Followed { content: response.body, record: self });
        response
    }

    /// Octets of the request's content that the app has taken.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Since it began.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes down what came of the content.
    fn hear(&mut self, frame: Option<&Result<Frame<Bytes>, Fault>>, is_end: bool) {
        match frame {
            Some(Ok(frame)) => self.sent += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(fault)) => self.fault = Some(fault.clone()),
            None => {}
        }
        let is_over = frame.is_none() || is_end || self.expected == Some(self.sent);
        self.is_whole = self.fault.is_none() && (self.is_whole || is_over);
    }

    /// Why there is no whole answer, and so whose fault that is. `None`: there is one.
    pub(super) fn broken_off(&self) -> Option<Fault> {
        if let Some(fault) = &self.fault {
            return Some(fault.clone());
        }
        // A server that has broken the exchange off says so also of content that it had taken and not sent yet.
        let why = self.lifetime.as_ref().and_then(|lifetime| lifetime.broken_off());
        why.or_else(|| (!self.is_whole).then(|| ClientFault::Gone.into()))
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.telemetry.end(self);
    }
}

/// A request's content, counted as the app takes it.
struct Received {
    content: Body,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            self.count.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// How much content the answer has, where that is known before.
fn expected(response: &Response) -> Option<u64> {
    let told = || response.fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok();
    http_body::Body::size_hint(&response.body).exact().or_else(told)
}

/// A response's content, with the record that ends with it.
struct Followed {
    content: Body,
    record: Box<Record>,
}

impl http_body::Body for Followed {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let frame = ready!(Pin::new(&mut self.content).poll_frame(cx));
        let is_end = self.content.is_end_stream();
        self.record.hear(frame.as_ref(), is_end);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
