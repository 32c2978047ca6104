//! A request's content as it arrives: limited in size and slowness, with the protocol's errors turned into faults of
//! the client.

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Duration, Instant};
use tracing::debug;
use windhover_contract::{BodyLimits, ClientFault, ExchangeLimits};

use crate::clock::{Alarm, Clock};

/// Content that is still arriving, within its exchange's limits.
pub(crate) struct Bounded<C> {
    content: C,
    limits: Arc<ExchangeLimits>,
    clock: Clock,
    /// Set by the first read.
    reading: Option<Reading>,
    has_failed: bool,
}

/// Content that is being read.
struct Reading {
    limits: BodyLimits,
    received: u64,
    pace: Pace,
}

impl<C> Bounded<C>
where
    C: Body<Data = Bytes> + Unpin,
    C::Error: Error,
{
    pub(crate) fn new(content: C, limits: &Arc<ExchangeLimits>, clock: &Clock) -> Self {
        Self { content, limits: Arc::clone(limits), clock: clock.clone(), reading: None, has_failed: false }
    }

    /// The content without its limits.
    pub(crate) fn content_mut(&mut self) -> &mut C {
        &mut self.content
    }

    /// Whether it has broken a rule, so that nobody knows what would come next.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// The next frame. Nothing follows a fault.
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientFault>>> {
        if self.has_failed {
            return Poll::Ready(None);
        }
        let frame = std::task::ready!(self.poll_received(cx));
        self.has_failed = matches!(frame, Some(Err(_)));
        Poll::Ready(frame)
    }

    fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientFault>>> {
        let content = &mut self.content;
        let reading = self.reading.get_or_insert_with(|| Reading::begin(&self.limits));
        // A length that is known to be too large is refused before the client is told to send it (`expect:
        // 100-continue`).
        if reading.is_too_much(content.size_hint().lower()) {
            return Poll::Ready(Some(Err(ClientFault::BodyTooLarge)));
        }
        let frame = match Pin::new(content).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                return reading.poll_too_slow(cx, &self.clock).map(|()| Some(Err(ClientFault::BodyTooSlow)));
            }
        };
        reading.pace.goes_on(&self.clock);
        Poll::Ready(match frame {
            None => None,
            Some(Ok(frame)) => Some(reading.count(&frame).map(|()| frame)),
            // Whether the framing is malformed or the connection broke: the content is incomplete.
            Some(Err(error)) => {
                debug!(%error, "the content of a request is malformed or incomplete");
                Some(Err(ClientFault::BodyIncomplete))
            }
        })
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
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

    fn poll_too_slow(&mut self, cx: &mut Context<'_>, clock: &Clock) -> Poll<()> {
        match self.limits.min_data_rate {
            Some(rate) => self.pace.poll_waited(cx, clock, rate.allows(self.received)),
            None => Poll::Pending,
        }
    }
}

/// How long the application has waited for the client. The client's time does not run while the application does not
/// wait.
#[derive(Default)]
struct Pace {
    before: Duration,
    waiting: Option<(Instant, Alarm)>,
}

impl Pace {
    /// Ready when all waits together have taken `allowed`.
    fn poll_waited(&mut self, cx: &mut Context<'_>, clock: &Clock, allowed: Duration) -> Poll<()> {
        let before = self.before;
        let (_, alarm) = self.waiting.get_or_insert_with(|| (clock.now(), clock.alarm(allowed.saturating_sub(before))));
        Pin::new(alarm).poll(cx)
    }

    fn goes_on(&mut self, clock: &Clock) {
        if let Some((since, _)) = self.waiting.take() {
            self.before += clock.now() - since;
        }
    }
}
