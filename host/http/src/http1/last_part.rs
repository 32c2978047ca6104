//! A response's content, with which its exchange ends.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use windhover_contract::{Body, Fault, keep_trailers};

use super::activity::Busy;

/// A response's content, with which its exchange ends.
pub(crate) struct LastPart {
    pub(crate) content: Body,
    pub(crate) busy: Busy,
}

impl http_body::Body for LastPart {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let next = Pin::new(&mut self.content).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = next {
            self.busy.activity().cut_off();
        }
        next.map(|frame| frame.map(|frame| frame.map(sendable)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// RFC 9110 §6.5.1: without the trailers that may be none. hyper leaves out some of them.
fn sendable(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            keep_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}
