//! The record of one exchange, from its head to the last byte of its response, or until it breaks off.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body::{Frame, SizeHint};
use windhover_contract::{Body, Fault, Request, Response};

use super::Telemetry;
use super::facts::Facts;
use super::traces::Span;
use crate::app::{App, Loaded};

/// The record of one exchange. It ends when it is dropped.
pub(crate) struct Record {
    telemetry: Arc<Telemetry>,
    facts: Facts,
    span: Option<Span>,
    /// Bytes of content that the response has in all. `None`: the content itself says where it ends.
    expected: Option<u64>,
}

impl Record {
    /// Begins the record of an exchange. `None`: nothing is recorded.
    pub(crate) fn begin(telemetry: &Arc<Telemetry>, request: &mut Request) -> Option<Box<Self>> {
        if !telemetry.records() {
            return None;
        }
        let facts = Facts::of(request);
        if !request.body.is_empty() {
            let content = std::mem::replace(&mut request.body, Body::empty());
            request.body = Body::stream(Counted { content, count: Arc::clone(&facts.read) });
        }
        let span = telemetry.begin(request);
        Some(Box::new(Self { telemetry: Arc::clone(telemetry), facts, span, expected: None }))
    }

    /// Says which app answers, and at which path it is.
    pub(crate) fn answered_by(&mut self, app: &App, loaded: Option<&Loaded>, base: &str) {
        let version = loaded.map_or_else(|| "".into(), |loaded| Arc::clone(&loaded.version));
        self.facts.app = Some((Arc::clone(&app.name), version));
        if self.span.is_some() {
            self.facts.route = Some(if base.is_empty() { "/" } else { base }.to_owned());
        }
    }

    /// Records the head of the response, and follows its content to the end.
    pub(crate) fn follow(mut self: Box<Self>, mut response: Response) -> Response {
        let facts = &mut self.facts;
        facts.status = Some(response.status);
        facts.until_head = Some(facts.took());
        if response.body.is_empty() {
            facts.is_whole = true; // dropped here: the record ends
            return response;
        }
        // Of content that is never sent, none is missing; of content whose length is known, nobody need ask for the end.
        let is_upgraded = response.status == StatusCode::SWITCHING_PROTOCOLS;
        let is_sent = is_upgraded || Response::has_content(&facts.method, response.status);
        self.expected = if is_sent { expected(&response) } else { Some(0) };
        facts.is_whole = self.expected == Some(0);
        response.body = Body::stream(Followed { content: response.body, record: self });
        response
    }

    /// Records a piece of the content.
    fn hear(&mut self, frame: Option<&Result<Frame<Bytes>, Fault>>, is_end: bool) {
        let facts = &mut self.facts;
        match frame {
            Some(Ok(frame)) => facts.sent += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(fault)) => facts.fault = Some(fault.clone()),
            None => {}
        }
        let is_over = frame.is_none() || is_end || self.expected == Some(facts.sent);
        facts.is_whole = facts.fault.is_none() && (facts.is_whole || is_over);
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        self.telemetry.end(&self.facts, self.span.as_ref());
    }
}

/// A request's content, counted as the app takes it.
struct Counted {
    content: Body,
    count: Arc<AtomicU64>,
}

impl http_body::Body for Counted {
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
