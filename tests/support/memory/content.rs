//! A request's content on its way to the application, which takes the reading end along and gives it back.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use tokio::time::Instant;
use windhover_contract::{BodyLimits, ClientFault, ExchangeLimits, Fault};

use super::clock::{Alarm, Clock};
use super::framing::Framing;
use super::pipe::Reader;

/// Content that is read as it is asked for: what nobody asks for stays with the client.
pub(super) struct Content {
    /// `None`: the content has ended, well or not.
    unread: Option<Unread>,
    limits: Arc<ExchangeLimits>,
    clock: Clock,
    /// Known from the first read on.
    reading: Option<BodyLimits>,
    received: u64,
    /// The waits that are over, together; and the one that is not.
    waited: Duration,
    waiting: Option<(Instant, Alarm)>,
    first_read: Option<oneshot::Sender<()>>,
    give_back: Option<oneshot::Sender<Unread>>,
    has_failed: Arc<AtomicBool>,
}

/// The reading end, and how much of the content it still has in front of it.
pub(super) struct Unread {
    pub(super) reader: Reader,
    pub(super) framing: Framing,
}

/// What the connection learns about content that the application has.
pub(super) struct Handed {
    /// Ends at the first read.
    pub(super) first_read: oneshot::Receiver<()>,
    /// The reading end, when the application is done with it. An error: the content broke, and the connection with it.
    pub(super) unread: oneshot::Receiver<Unread>,
    /// Whether the content broke.
    pub(super) has_failed: Arc<AtomicBool>,
}

impl Content {
    pub(super) fn new(unread: Unread, limits: Arc<ExchangeLimits>, clock: Clock) -> (Self, Handed) {
        let (first_read, first_read_receiver) = oneshot::channel();
        let (give_back, unread_receiver) = oneshot::channel();
        let has_failed = Arc::new(AtomicBool::new(false));
        let content = Self {
            unread: Some(unread),
            limits,
            clock,
            reading: None,
            received: 0,
            waited: Duration::ZERO,
            waiting: None,
            first_read: Some(first_read),
            give_back: Some(give_back),
            has_failed: Arc::clone(&has_failed),
        };
        (content, Handed { first_read: first_read_receiver, unread: unread_receiver, has_failed })
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, ClientFault>> {
        let Some(Unread { reader, framing }) = &mut self.unread else { return Poll::Ready(Ok(None)) };
        let limits = *self.reading.get_or_insert_with(|| self.limits.begin_reading());
        let is_too_much = |size: u64| limits.max_size.is_some_and(|max| size > max);
        if is_too_much(self.received.saturating_add(framing.length().unwrap_or(0))) {
            return Poll::Ready(Err(ClientFault::BodyTooLarge));
        }
        if let Some(first_read) = self.first_read.take() {
            let _ = first_read.send(());
        }
        // A read that is dropped loses nothing, so it may begin anew at each poll.
        let read = pin!(reader.frame(framing)).poll(cx);
        let frame = match read {
            Poll::Ready(frame) => frame?,
            Poll::Pending => return self.poll_too_slow(cx, limits).map(|()| Err(ClientFault::BodyTooSlow)),
        };
        if let Some((since, _)) = self.waiting.take() {
            self.waited += self.clock.now() - since;
        }
        self.received += frame.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        Poll::Ready(if is_too_much(self.received) { Err(ClientFault::BodyTooLarge) } else { Ok(frame) })
    }

    fn poll_too_slow(&mut self, cx: &mut Context<'_>, limits: BodyLimits) -> Poll<()> {
        let Some(rate) = limits.min_data_rate else { return Poll::Pending };
        let left = rate.allows(self.received).saturating_sub(self.waited);
        let (_, alarm) = self.waiting.get_or_insert_with(|| (self.clock.now(), self.clock.alarm(left)));
        Pin::new(alarm).poll(cx)
    }

    fn give_back(&mut self) {
        if let (Some(unread), Some(give_back)) = (self.unread.take(), self.give_back.take()) {
            let _ = give_back.send(unread); // the connection may have ended meanwhile
        }
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let content = &mut *self;
        match std::task::ready!(content.poll_next(cx)) {
            Ok(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Ok(None) => {
                content.give_back();
                Poll::Ready(None)
            }
            Err(fault) => {
                content.has_failed.store(true, Ordering::Relaxed);
                content.unread = None; // nobody can say where the next request would begin
                Poll::Ready(Some(Err(fault.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.unread.as_ref().is_none_or(|unread| unread.framing == Framing::END)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.unread {
            None => SizeHint::with_exact(0),
            Some(unread) => unread.framing.length().map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.give_back();
    }
}
