//! A request's content as it arrives: bounded in size, with hyper's errors turned into the client's faults.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tracing::debug;
use windhover_contract::{Body, ClientFault, Fault};

use crate::activity::Activity;

/// Content that is still arriving.
pub(crate) struct Received {
    content: Incoming,
    /// What may still come. `None`: any amount.
    allowance: Option<u64>,
    activity: Arc<Activity>,
}

impl Received {
    /// The content of a request, at most `limit` octets of it.
    pub(crate) fn body(content: Incoming, limit: Option<u64>, activity: &Arc<Activity>) -> Body {
        if content.is_end_stream() {
            return Body::empty();
        }
        Body::stream(Self { content, allowance: limit, activity: Arc::clone(activity) })
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), Fault> {
        if let (Some(allowance), Some(data)) = (&mut self.allowance, frame.data_ref()) {
            *allowance = allowance.checked_sub(data.len() as u64).ok_or(Fault::Client(ClientFault::BodyTooLarge))?;
        }
        Ok(())
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if !self.content.is_end_stream() {
            self.activity.leave_content_unread();
        }
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Ready(match ready!(Pin::new(&mut self.content).poll_frame(cx)) {
            None => None,
            Some(Ok(frame)) => Some(self.count(&frame).map(|()| frame)),
            // Whether the framing is malformed or the connection broke, the content is not whole.
            Some(Err(error)) => {
                debug!(%error, "a request's content broke off");
                Some(Err(ClientFault::BodyIncomplete.into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
