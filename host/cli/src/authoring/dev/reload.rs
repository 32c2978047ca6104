//! Reloads pages in browsers when a new version is served. A script in each page listens for changes with server-sent
//! events.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_RANGES, AGE, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, ETAG, EXPIRES,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::sync::{mpsc, watch};
use windhover_contract::{Body, Fault, Request, Response};
use windhover_server::interceptor::ServedApps;

use super::state::{State, WATCH_INTERVAL, served};

/// The path of the events.
pub(super) const PATH: &str = "/.windhover/changes";

/// The script of a page that was served with these versions.
pub(super) fn script(served: &str) -> String {
    format!(
        "<script>new EventSource(\"{PATH}?{served}\").onmessage = (event) => {{ event.target.close(); location.reload(); \
         }}</script>\n"
    )
}

/// Sends an event when other versions are served than those of the page.
pub(super) fn changes(state: watch::Receiver<State>, apps: Option<ServedApps>, request: &Request) -> Response {
    let shown = request.target.query().unwrap_or_default().to_owned();
    let (events, received) = mpsc::channel(1);
    let mut leaving = state.clone();
    let is_shown = move || served(apps.as_ref(), &state.borrow()) == shown;
    tokio::spawn(async move {
        let mut looks = tokio::time::interval(WATCH_INTERVAL);
        let mut beats = tokio::time::interval(BEAT);
        loop {
            tokio::select! {
                _ = looks.tick() => if !is_shown() {
                    let _ = events.send(Bytes::from_static(b"data: changed\n\n")).await;
                    return;
                },
                _ = beats.tick() => if events.send(Bytes::from_static(b":\n\n")).await.is_err() {
                    return;
                },
                () = async { drop(leaving.wait_for(|state| state.is_leaving).await) } => return,
                () = events.closed() => return,
            }
        }
    });
    let mut response = Response::empty(StatusCode::OK);
    response.fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.body = Body::stream(Events(received));
    response
}

struct Events(mpsc::Receiver<Bytes>);

impl http_body::Body for Events {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.0.poll_recv(cx).map(|event| event.map(|event| Ok(Frame::data(event))))
    }
}

/// A request that the app answers.
pub(super) struct Visit {
    served: String,
    is_get: bool,
}

impl Visit {
    /// A page contains the script of its versions. So the browser must not cache it, and must not get a 304.
    pub(super) fn new(request: &mut Request, served: String) -> Self {
        let is_get = request.method == Method::GET;
        let mut accepts = request.fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if is_get && accepts.any(|value| value.contains("text/html")) {
            for field in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE, RANGE] {
                request.fields.remove(field);
            }
        }
        Self { served, is_get }
    }

    /// Adds the script to a page.
    pub(super) fn follow(self, mut response: Response) -> Response {
        let text = |name| response.fields.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let is_page = text(CONTENT_TYPE).is_some_and(|value| value.starts_with("text/html"));
        let is_plain = !response.fields.contains_key(CONTENT_ENCODING);
        let length: Option<u64> = text(CONTENT_LENGTH).and_then(|length| length.parse().ok());
        let is_whole = response.status != StatusCode::PARTIAL_CONTENT;
        if !(self.is_get && is_page && is_plain && is_whole) || response.body.is_empty() {
            return response;
        }
        for field in [ETAG, LAST_MODIFIED, ACCEPT_RANGES, AGE, EXPIRES] {
            response.fields.remove(field);
        }
        response.fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let script = Bytes::from(script(&self.served));
        if let Some(length) = length {
            response.fields.insert(CONTENT_LENGTH, HeaderValue::from(length + script.len() as u64));
        }
        response.body = Body::stream(Appended { body: response.body, tail: Some(script), trailers: None });
        response
    }
}

/// Content with more content appended.
struct Appended {
    body: Body,
    /// `None`: it has been sent.
    tail: Option<Bytes>,
    trailers: Option<Frame<Bytes>>,
}

impl http_body::Body for Appended {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.tail.is_none() {
            return Poll::Ready(self.trailers.take().map(Ok));
        }
        match std::task::ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) if frame.is_data() => return Poll::Ready(Some(Ok(frame))),
            Some(Ok(trailers)) => self.trailers = Some(trailers),
            Some(Err(fault)) => return Poll::Ready(Some(Err(fault))),
            None => {}
        }
        Poll::Ready(self.tail.take().map(|tail| Ok(Frame::data(tail))))
    }

    fn is_end_stream(&self) -> bool {
        self.tail.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let tail = self.tail.as_ref().map_or(0, |tail| tail.len() as u64);
        match http_body::Body::size_hint(&self.body).exact() {
            Some(size) => SizeHint::with_exact(size + tail),
            None => SizeHint::default(),
        }
    }
}

/// How often a comment is sent, so that a client that has left is noticed.
const BEAT: Duration = Duration::from_secs(15);
