//! The content of the current request. The application reads it through a handle. The content itself stays with the
//! connection, which must know what becomes of it: the next request follows it.
//!
//! If the application does not read all of it, the connection reads and discards the rest, within a bound, so that it
//! can be used again. If that is not possible, the response says `connection: close`.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::EXPECT;
use http::{HeaderMap, Version};
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::{Mutex, MutexGuard};
use windhover_contract::{Body, ClientFault, ExchangeLimits, ExpectContinue, Fault};

use super::progress::Progress;
use crate::clock::{Alarm, Clock};
use crate::content::Bounded;

/// The content of the current request, if there is any.
#[derive(Default)]
pub(crate) struct RequestContent {
    state: Mutex<State>,
    /// Whether it must be discarded. Read each time that the connection's task is polled, so it is read without the
    /// lock.
    is_unwanted: AtomicBool,
    /// Content of this or an earlier exchange was given up before its end, so the client may still be sending it.
    is_given_up: AtomicBool,
    /// Content of this or an earlier exchange broke a rule, so nobody knows where the next request would begin.
    has_failed: AtomicBool,
}

#[derive(Default)]
struct State {
    /// The exchange of the connection that it belongs to.
    number: u64,
    /// `None`: it has ended, with or without an error.
    content: Option<Bounded<Source>>,
    /// The client waits for 100 (Continue).
    is_expected: bool,
    will_read: bool,
    is_abandoned: bool,
    /// The response says that the connection closes.
    is_last: bool,
    /// The task that serves the connection.
    connection: Option<Waker>,
    /// When the connection stops waiting for the end of what it discards.
    until: Option<Alarm>,
}

/// Content as hyper gives it. hyper sends 100 (Continue) at the first poll, unless it has sent the head of a response.
struct Source {
    incoming: Incoming,
    is_polled: bool,
    /// What had arrived when the client was asked.
    first: Option<Polled>,
}

type Polled = Option<Result<Frame<Bytes>, hyper::Error>>;

impl RequestContent {
    /// The content of the request with this number, within the limits of its exchange.
    pub(crate) fn begin(
        self: &Arc<Self>,
        number: u64,
        incoming: Incoming,
        expects_continue: bool,
        limits: &Arc<ExchangeLimits>,
        clock: &Clock,
    ) -> Body {
        let source = Source { incoming, is_polled: false, first: None };
        *self.state() = State {
            number,
            content: Some(Bounded::new(source, limits, clock)),
            is_expected: expects_continue,
            ..State::default()
        };
        self.is_unwanted.store(false, Ordering::Relaxed);
        Body::stream(Received { content: Arc::clone(self), number })
    }

    /// Has the connection's task woken when the application abandons the content.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        self.state().connection = Some(cx.waker().clone());
    }

    /// Before the head of the response: asks a client that waits for 100 (Continue), if the application reads or will
    /// read.
    pub(crate) async fn ask(&self) {
        let is_asked = {
            let mut state = self.state();
            let wanted = state.will_read && !state.is_abandoned;
            let is_expected = state.is_expected;
            let source = state.content.as_mut().map(Bounded::content_mut).filter(|_| is_expected);
            source.is_some_and(|source| {
                if wanted {
                    source.ask();
                }
                source.is_polled
            })
        };
        if is_asked {
            tokio::task::yield_now().await; // hyper writes what it has before it takes the answer
        }
    }

    /// Before the head of the response: whether no request can follow this content, or not in reasonable time. Then the
    /// response must say `connection: close`, as it must if `closes`.
    pub(crate) fn is_last(&self, closes: bool) -> bool {
        let mut state = self.state();
        let (is_expected, is_abandoned) = (state.is_expected, state.is_abandoned);
        let is_last = state.content.as_mut().is_some_and(|content| {
            // RFC 9110 §10.1.1: a client that gets a final response may send its content or not, so nobody knows what
            // its next bytes are.
            let is_unasked = is_expected && !content.content_mut().is_polled;
            is_unasked || is_abandoned && content.size_hint().lower() > MAX_DISCARDED
        });
        state.is_last = closes || is_last;
        state.is_last
    }

    /// No request follows: from now on the connection waits for the content no longer than the exchange lasts.
    pub(crate) fn set_last(&self) {
        self.state().is_last = true;
    }

    /// Whether there is content that has not been read to its end.
    pub(crate) fn is_unread(&self) -> bool {
        self.state().content.is_some()
    }

    /// Whether the client may still be sending content that nobody reads.
    pub(crate) fn may_still_come(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed) || self.is_unread()
    }

    /// Whether content broke a rule, so that nobody knows where the next request would begin.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Relaxed)
    }

    /// Reads abandoned content and discards it. Never ready.
    pub(crate) fn poll_discard(&self, cx: &mut Context<'_>, progress: &Progress, clock: &Clock) -> Poll<Infallible> {
        if !self.is_unwanted.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        let mut state = self.state();
        let State { content: Some(content), is_expected, is_last, until, .. } = &mut *state else {
            return Poll::Pending;
        };
        let has_failed = loop {
            // The client has not been asked yet, and reading would ask it.
            if *is_expected && !content.content_mut().is_polled {
                break false;
            }
            match content.poll_frame(cx) {
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(None) => {
                    state.content = None;
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(_))) => break true,
                Poll::Pending => break false,
            }
        };
        let alarm = || clock.alarm(DISCARD_TIMEOUT);
        let is_over = !progress.position().is_under_way()
            && (*is_last || Pin::new(until.get_or_insert_with(alarm)).poll(cx).is_ready());
        if has_failed || is_over {
            state.content = None; // hyper stops to read, and closes the connection behind the answer
            self.is_given_up.store(true, Ordering::Relaxed);
        }
        Poll::Pending
    }

    fn abandon(&self, number: u64) {
        let mut state = self.state();
        if state.number != number || state.content.is_none() {
            return;
        }
        state.is_abandoned = true;
        self.is_unwanted.store(true, Ordering::Release);
        if let Some(connection) = &state.connection {
            connection.wake_by_ref();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

/// Whether hyper sends 100 (Continue) only when the content of this request is read. hyper decides by the last field
/// line.
pub(crate) fn expects_continue(version: Version, fields: &HeaderMap) -> bool {
    let expectation = fields.get_all(EXPECT).iter().next_back();
    version > Version::HTTP_10
        && expectation.is_some_and(|expectation| expectation.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

/// Lets an application say that it will read content that the client holds back.
pub(crate) struct Expectation {
    pub(crate) content: Arc<RequestContent>,
    pub(crate) number: u64,
}

impl ExpectContinue for Expectation {
    fn will_read(&self) {
        let mut state = self.content.state();
        if state.number == self.number {
            state.will_read = true;
        }
    }
}

/// The application's handle. Dropping it abandons the content.
struct Received {
    content: Arc<RequestContent>,
    number: u64,
}

impl Received {
    fn with<T>(&self, ended: T, look: impl FnOnce(&mut Bounded<Source>) -> T) -> T {
        let mut state = self.content.state();
        if state.number != self.number {
            return ended;
        }
        state.content.as_mut().map_or(ended, look)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.content.abandon(self.number);
    }
}

impl http_body::Body for Received {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let mut state = self.content.state();
        if state.number != self.number {
            return Poll::Ready(None);
        }
        let Some(content) = &mut state.content else { return Poll::Ready(None) };
        let frame = ready!(content.poll_frame(cx));
        if content.has_failed() {
            self.content.has_failed.store(true, Ordering::Relaxed);
            self.content.is_given_up.store(true, Ordering::Relaxed);
        }
        if frame.as_ref().is_none_or(Result::is_err) || content.is_end_stream() {
            state.content = None;
        }
        Poll::Ready(frame.map(|frame: Result<_, ClientFault>| frame.map_err(Fault::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.with(true, |content| content.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.with(SizeHint::with_exact(0), |content| content.size_hint())
    }
}

impl Source {
    /// Has hyper ask for the content.
    fn ask(&mut self) {
        if self.is_polled {
            return;
        }
        self.is_polled = true;
        // No task waits for it yet.
        if let Poll::Ready(first) = Pin::new(&mut self.incoming).poll_frame(&mut Context::from_waker(Waker::noop())) {
            self.first = Some(first);
        }
    }
}

impl http_body::Body for Source {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Polled> {
        self.is_polled = true;
        match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => Pin::new(&mut self.incoming).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let ahead = match &self.first {
            Some(Some(Ok(frame))) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        let left = self.incoming.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(left.lower() + ahead);
        if let Some(upper) = left.upper() {
            hint.set_upper(upper + ahead);
        }
        hint
    }
}

/// The largest announced length of content that is discarded so that its connection can be used again. As Go's net/http
/// (maxPostHandlerReadBytes).
const MAX_DISCARDED: u64 = 256 << 10;

/// How long a client may take after the response to send content that is discarded. As Kestrel's
/// RequestBodyDrainTimeout.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
