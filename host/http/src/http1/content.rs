//! A request's content as hyper gives it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use windhover_contract::{Body, ExchangeLimits, Fault};

use super::activity::Activity;
use crate::clock::Clock;
use crate::content::Bounded;

/// Content that is still arriving. The connection is told how it ends, because the next request follows it.
struct Received {
    content: Bounded<Incoming>,
    activity: Arc<Activity>,
}

/// The content of a request, within its exchange's limits.
pub(crate) fn received(
    content: Incoming,
    limits: &Arc<ExchangeLimits>,
    activity: &Arc<Activity>,
    clock: &Clock,
) -> Body {
    if content.is_end_stream() {
        return Body::empty();
    }
    Body::stream(Received { content: Bounded::new(content, limits, clock), activity: Arc::clone(activity) })
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
        let frame = ready!(self.content.poll_frame(cx));
        if self.content.has_failed() {
            self.activity.fail_content();
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Fault::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
