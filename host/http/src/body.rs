//! A request's content as it arrives: bounded in size and in slowness, with hyper's errors turned into the client's
//! faults.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Duration, Instant, Sleep};
use tracing::debug;
use windhover_contract::{Body, BodyLimits, ClientFault, ExchangeLimits, Fault};

use crate::activity::Activity;

/// Content that is still arriving.
pub(crate) struct Received {
    content: Incoming,
    limits: Arc<ExchangeLimits>,
    /// Known from the first read on.
    reading: Option<Reading>,
    has_failed: bool,
    activity: Arc<Activity>,
}

/// Content that is being read.
struct Reading {
    limits: BodyLimits,
    received: u64,
    pace: Pace,
}

impl Received {
    /// The content of a request, within its exchange's limits.
    pub(crate) fn body(content: Incoming, limits: &Arc<ExchangeLimits>, activity: &Arc<Activity>) -> Body {
        if content.is_end_stream() {
            return Body::empty();
        }
        let (limits, activity) = (Arc::clone(limits), Arc::clone(activity));
        Body::stream(Self { content, limits, reading: None, has_failed: false, activity })
    }

    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientFault>>> {
        let content = &mut self.content;
        let reading = self.reading.get_or_insert_with(|| Reading::begin(&self.limits));
        // What is known to be too much is refused before the client is told to send it (`expect: 100-continue`).
        if reading.is_too_much(content.size_hint().lower()) {
            return Poll::Ready(Some(Err(ClientFault::BodyTooLarge)));
        }
        let frame = match Pin::new(content).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return reading.poll_too_slow(cx).map(|()| Some(Err(ClientFault::BodyTooSlow))),
        };
        reading.pace.goes_on();
        Poll::Ready(match frame {
            None => None,
            Some(Ok(frame)) => Some(reading.count(&frame).map(|()| frame)),
            // Whether the framing is malformed or the connection broke, the content is not whole.
            Some(Err(error)) => {
                debug!(%error, "a request's content broke off");
                Some(Err(ClientFault::BodyIncomplete))
            }
        })
    }
}

impl Reading {
    fn begin(limits: &ExchangeLimits) -> Self {
        Self { limits: limits.begin_reading(), received: 0, pace: Pace::default() }
    }

    fn is_too_much(&self, more: u64) -> bool {
        self.limits.max_size.is_some_and(|max| self.received.saturating_add(more) > max)
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), ClientFault> {
        let Some(data) = frame.data_ref() else { return Ok(()) };
        if self.is_too_much(data.len() as u64) {
            return Err(ClientFault::BodyTooLarge);
        }
        self.received += data.len() as u64;
        Ok(())
    }

    fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.limits.min_data_rate {
            Some(rate) => self.pace.poll_waited(cx, rate.allows(self.received)),
            None => Poll::Pending,
        }
    }
}

/// How long the application has waited for the client. While it does not wait, the client's time does not run.
#[derive(Default)]
struct Pace {
    before: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Pace {
    /// Ready when all waits together have taken `allowed`.
    fn poll_waited(&mut self, cx: &mut Context<'_>, allowed: Duration) -> Poll<()> {
        let before = self.before;
        let (_, sleep) = self.waiting.get_or_insert_with(|| {
            let now = Instant::now();
            (now, Box::pin(tokio::time::sleep_until(now + allowed.saturating_sub(before))))
        });
        sleep.as_mut().poll(cx)
    }

    fn goes_on(&mut self) {
        if let Some((since, _)) = self.waiting.take() {
            self.before += since.elapsed();
        }
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
        if self.has_failed {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(self.poll_received(cx));
        if let Some(Err(_)) = frame {
            self.has_failed = true;
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
