//! The content of a response from another server. It must arrive in time, and counts as a request in flight until it
//! ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};
use wasmtime_wasi_http::Error;
use windhover_contract::TracedCall;

use super::client::error_type;

/// The content of an answer.
pub(super) struct Content {
    content: Incoming,
    between: Duration,
    silence: Option<Pin<Box<Sleep>>>,
    _permit: OwnedSemaphorePermit,
    /// Ends with it.
    call: Option<Box<dyn TracedCall>>,
}

impl Content {
    /// `between`: the time that may pass between two pieces of it.
    pub(super) fn new(
        content: Incoming,
        between: Duration,
        permit: OwnedSemaphorePermit,
        call: Option<Box<dyn TracedCall>>,
    ) -> Self {
        Self { content, between, silence: None, _permit: permit, call }
    }

    /// It is not whole.
    fn failed(&mut self, error: Error) -> Error {
        if let Some(call) = &mut self.call {
            call.failed(error_type(&error));
        }
        error
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let own = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut own.content).poll_frame(cx) {
            own.silence = None;
            if frame.is_none() {
                own.call = None;
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| own.failed(Error::HttpResponseIncomplete))));
        }
        let between = own.between;
        let silence = own.silence.get_or_insert_with(|| Box::pin(sleep(between)));
        ready!(silence.as_mut().poll(cx));
        silence.as_mut().reset(Instant::now() + between);
        Poll::Ready(Some(Err(own.failed(Error::ConnectionReadTimeout))))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
