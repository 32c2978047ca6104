//! What is going on on one connection, as far as more than one part of this room must know it: whether draining waits
//! for it, what its current exchange may do to it, and how it is to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;
use windhover_contract::{ClientFault, DataRate, ExchangeLimits, Fault, Informational, Lifetime, Limits};

use super::content::RequestContent;
use super::gate::{Decision, Refusal};
use super::interim::Interim;
use super::upgrade::HandedOver;
use crate::clock::{Clock, later};
use crate::connection_limit::Permit;
use crate::ending::Ending;

/// What is going on on one connection.
pub(crate) struct Activity {
    pub(crate) permit: Permit,
    /// Why this side ends the connection, and with it the exchange.
    pub(crate) ending: Arc<Ending>,
    clock: Clock,
    begun: AtomicU64,
    exchanges: AtomicUsize,
    idle_since: Mutex<Instant>,
    write_waits: AtomicBool,
    has_unread_content: AtomicBool,
    has_failed_content: AtomicBool,
    is_cut_off: AtomicBool,
    /// Whether the head of an answer has been sent whose exchange is under way, and since when, where that is known.
    has_head: AtomicBool,
    head_since: Mutex<Option<Instant>>,
    /// From the beginning of an exchange until its answer has left hyper.
    is_answering: AtomicBool,
    /// The task that waits for the end of that, because the client sends no more.
    half_closed: Mutex<Option<Waker>>,
    rests: AtomicBool,
    has_slow_head: AtomicBool,
    aborted: Notify,
    pub(crate) content: RequestContent,
    pub(crate) interim: Interim,
    pub(crate) upgrade: Decision,
    refusal: Refusal,
    limits: Mutex<Option<Arc<ExchangeLimits>>>,
    handed_over: Mutex<Option<HandedOver>>,
}

impl Activity {
    /// A connection on which nothing has happened yet.
    pub(crate) fn new(permit: Permit, clock: Clock, ending: Arc<Ending>) -> Self {
        Self {
            permit,
            ending,
            begun: AtomicU64::new(0),
            exchanges: AtomicUsize::new(0),
            idle_since: Mutex::new(clock.now()),
            clock,
            write_waits: AtomicBool::new(false),
            has_unread_content: AtomicBool::new(false),
            has_failed_content: AtomicBool::new(false),
            is_cut_off: AtomicBool::new(false),
            has_head: AtomicBool::new(false),
            head_since: Mutex::new(None),
            is_answering: AtomicBool::new(false),
            half_closed: Mutex::new(None),
            rests: AtomicBool::new(false),
            has_slow_head: AtomicBool::new(false),
            aborted: Notify::new(),
            content: RequestContent::default(),
            interim: Interim::default(),
            upgrade: Decision::default(),
            refusal: Refusal::default(),
            limits: Mutex::new(None),
            handed_over: Mutex::new(None),
        }
    }

    /// Whether an exchange is under way, or octets of one wait to be taken by the client. A client that has sent half a
    /// head, or nothing, must not hold up a server that wants to leave.
    pub(crate) fn is_busy(&self) -> bool {
        self.has_exchange() || self.write_waits.load(Ordering::Relaxed)
    }

    /// Whether an exchange is under way.
    pub(crate) fn has_exchange(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) > 0
    }

    /// Since when no exchange is under way.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        let idle_since = *self.idle_since.lock();
        (!self.has_exchange()).then_some(idle_since)
    }

    /// How many exchanges have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Says whether octets wait to be taken.
    pub(crate) fn set_write_waits(&self, waits: bool) {
        self.write_waits.store(waits, Ordering::Relaxed);
    }

    /// Whether a client may still be sending content that nobody reads.
    pub(crate) fn has_unread_content(&self) -> bool {
        self.has_unread_content.load(Ordering::Relaxed) || self.content.is_unread()
    }

    /// Says that content was given up before its end.
    pub(crate) fn leave_content_unread(&self) {
        self.has_unread_content.store(true, Ordering::Relaxed);
    }

    /// Whether content has broken a rule, so that nobody knows where the next request would begin.
    pub(crate) fn has_failed_content(&self) -> bool {
        self.has_failed_content.load(Ordering::Relaxed)
    }

    /// Says that content has broken a rule.
    pub(crate) fn fail_content(&self) {
        self.has_failed_content.store(true, Ordering::Relaxed);
    }

    /// Has the exchange with this number refused, before any application sees it.
    pub(crate) fn refuse(&self, number: u64, fault: ClientFault) {
        self.refusal.set(number, fault);
    }

    /// Why the exchange with this number is refused, if it is.
    pub(crate) fn refused(&self, number: u64) -> Option<ClientFault> {
        self.refusal.of(number)
    }

    /// Whether an answer ended before its content did.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Relaxed)
    }

    /// Says that an answer ended before its content did.
    pub(crate) fn cut_off(&self) {
        self.is_cut_off.store(true, Ordering::Relaxed);
    }

    /// Says that the head of the answer is on its way, at a time from which on it matters how long that is.
    pub(crate) fn send_head(&self, is_closing: bool) {
        self.has_head.store(true, Ordering::Relaxed);
        if is_closing {
            *self.head_since.lock() = Some(self.clock.now());
        }
    }

    /// Ends when an answer whose head has been sent has gone on for `limit`, of which nothing before now counts.
    pub(crate) async fn answers_for(&self, limit: Duration) {
        let begun = self.clock.now();
        loop {
            let head = self.has_exchange() && self.has_head.load(Ordering::Relaxed);
            let since = *self.head_since.lock();
            let now = self.clock.now();
            let at = match since.unwrap_or(begun) {
                since if head => later(since.max(begun), limit),
                _ => later(now, limit.max(GLANCE)),
            };
            if head && at <= now {
                return;
            }
            self.clock.alarm_at(at).await;
        }
    }

    /// Ready when no answer is on its way to any of so many requests: then the end of what the client sends is the end of
    /// the connection. hyper may have taken a request that has not begun here.
    pub(crate) fn poll_answered(&self, requests: u64, cx: &Context<'_>) -> Poll<()> {
        if !self.is_answering.load(Ordering::Relaxed) && self.begun() >= requests {
            return Poll::Ready(());
        }
        *self.half_closed.lock() = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Says that all that hyper had to write has been written.
    pub(crate) fn has_written_all(&self) {
        if self.is_answering.load(Ordering::Relaxed) && !self.has_exchange() {
            self.is_answering.store(false, Ordering::Relaxed);
            if let Some(waiting) = self.half_closed.lock().take() {
                waiting.wake();
            }
        }
    }

    /// Whether a head took too long, which the client was told.
    pub(crate) fn has_slow_head(&self) -> bool {
        self.has_slow_head.load(Ordering::Relaxed)
    }

    /// Says that a head took too long.
    pub(crate) fn refuse_slow_head(&self) {
        self.has_slow_head.store(true, Ordering::Relaxed);
    }

    /// Says that nothing has been said for a while, if that is all: a connection that is to become another's does not
    /// rest.
    pub(crate) fn rest(&self) {
        let may_rest = !self.is_busy() && !self.content.is_unread();
        if may_rest && self.handed_over.lock().is_none() {
            self.rests.store(true, Ordering::Relaxed);
        }
    }

    /// Ready when nothing has been said for a while. Told once, and by the task that says so: it wakes nobody.
    pub(crate) fn poll_rests(&self) -> Poll<()> {
        match self.rests.load(Ordering::Relaxed) {
            false => Poll::Pending,
            true => {
                self.rests.store(false, Ordering::Relaxed);
                Poll::Ready(())
            }
        }
    }

    /// Ends when the application breaks its exchange off.
    pub(crate) async fn aborted(&self) {
        self.aborted.notified().await;
    }

    /// How slow the client may take what is sent now. `None`: as slow as it likes.
    pub(crate) fn min_response_data_rate(&self) -> Option<DataRate> {
        let limits = self.limits.lock();
        limits.as_ref()?.min_response_data_rate()
    }

    /// Remembers what becomes of the connection when hyper lets go of it.
    pub(crate) fn hand_over(&self, connection: HandedOver) {
        *self.handed_over.lock() = Some(connection);
    }

    /// What becomes of the connection now that hyper has let go of it. `None`: hyper has closed it.
    pub(crate) fn take_over(&self) -> Option<HandedOver> {
        self.handed_over.lock().take()
    }

    /// Lengthens the exchange under way.
    pub(crate) fn stay_busy(self: &Arc<Self>) -> Busy {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Whether the exchange with this number is under way.
    fn is_in(&self, number: u64) -> bool {
        self.begun.load(Ordering::Relaxed) == number && self.exchanges.load(Ordering::Relaxed) > 0
    }

    /// Begins an exchange within the limits of its server, which lasts until the first that this returns is dropped.
    /// The second is its number on this connection.
    pub(crate) fn begin(self: &Arc<Self>, limits: &Limits) -> (Busy, u64, Arc<ExchangeLimits>) {
        let limits = {
            let mut last = self.limits.lock();
            match last.as_mut().and_then(Arc::get_mut) {
                Some(unused) => *unused = ExchangeLimits::new(limits), // nobody holds those of the exchange before
                None => *last = Some(Arc::new(ExchangeLimits::new(limits))),
            }
            Arc::clone(last.as_ref().expect("it has just been set"))
        };
        self.is_answering.store(true, Ordering::Relaxed);
        self.has_head.store(false, Ordering::Relaxed);
        (self.stay_busy(), self.begun.fetch_add(1, Ordering::Relaxed) + 1, limits)
    }
}

/// The power to break off one exchange of a connection. Its application may outlive it: then the connection is
/// another's.
pub(crate) struct Breaker {
    pub(crate) activity: Arc<Activity>,
    pub(crate) number: u64,
}

impl Lifetime for Breaker {
    /// In HTTP/1.1 the exchange's end is the connection's.
    fn abort(&self, why: Fault) {
        if self.activity.is_in(self.number) {
            self.activity.ending.begin(why);
            self.activity.cut_off();
            self.activity.aborted.notify_one();
        }
    }

    fn broken_off(&self) -> Option<Fault> {
        self.activity.ending.fault()
    }
}

impl Informational for Activity {
    fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()> {
        self.interim.poll_send(cx, status, fields)
    }
}

/// One exchange under way.
pub(crate) struct Busy(Arc<Activity>);

impl Busy {
    pub(crate) fn activity(&self) -> &Activity {
        &self.0
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut idle_since = self.0.idle_since.lock();
        if self.0.exchanges.fetch_sub(1, Ordering::Relaxed) == 1 {
            *idle_since = self.0.clock.now();
        }
    }
}

/// The end of a connection, whichever way it ends. An upgrade that was accepted and not yet begun goes with it: it
/// holds on to the activity, and the activity to it.
pub(crate) struct End(pub(crate) Arc<Activity>);

impl Drop for End {
    fn drop(&mut self) {
        drop(self.0.take_over());
    }
}

/// How often it is looked, where there is no time to wait for, whether the head of an answer has been sent.
const GLANCE: Duration = Duration::from_millis(100);
