//! The content of a response. Its end is the end of the exchange.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use windhover_contract::{Body, Fault, keep_trailers};

use super::progress::UnderWay;

/// The content of a response. Dropping it ends the exchange.
pub(crate) struct ResponseBody {
    content: Body,
    /// `None`: the exchange continues after this, on an upgraded connection.
    under_way: Option<UnderWay>,
    /// The error of the content, held back until hyper has sent what came before it.
    fault: Option<Fault>,
}

impl ResponseBody {
    pub(crate) fn new(content: Body, under_way: UnderWay) -> Self {
        Self { content, under_way: Some(under_way), fault: None }
    }

    /// The content of a 101. The content of the other protocol follows it.
    pub(crate) fn switching_protocols() -> Self {
        Self { content: Body::empty(), under_way: None, fault: None }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(fault) = self.fault.take() {
            if let Some(under_way) = &self.under_way {
                under_way.abort();
            }
            return Poll::Ready(Some(Err(fault)));
        }
        match Pin::new(&mut self.content).poll_frame(cx) {
            // When content fails, hyper drops what it holds, even the head of the response. But that head is what was
            // answered and what the log records. hyper sends what it holds when it has to wait.
            Poll::Ready(Some(Err(fault))) => {
                self.fault = Some(fault);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            next => next.map(|frame| frame.map(|frame| frame.map(sendable))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.fault.is_none() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

/// RFC 9110 §6.5.1: without fields that may not be trailers. hyper removes only some of them.
fn sendable(frame: Frame<Bytes>) -> Frame<Bytes> {
    match frame.into_trailers() {
        Ok(mut trailers) => {
            keep_trailers(&mut trailers);
            Frame::trailers(trailers)
        }
        Err(data) => data,
    }
}
