//! What the two halves of a connection tell each other.
//!
//! This is a detour that hyper forces. hyper owns both halves: the socket that it reads and writes, and the service
//! that it calls. It gives neither a way to pass a value to the other: what the socket reads reaches the service as a
//! request that hyper has made, and what the service returns reaches the socket as bytes. So each half has one end of
//! this link. Every cell has one writer: only the end of that half has a method that writes it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use windhover_contract::{ClientFault, DataRate, ExchangeLimits, Limits};

use super::progress::{Position, Progress, UnderWay};
use crate::ending::Ending;

/// The end of the half that reads and writes.
pub(crate) struct IoEnd {
    link: Arc<Link>,
    progress: Arc<Progress>,
    ending: Arc<Ending>,
}

/// The end of the half that answers requests.
pub(crate) struct ServiceEnd {
    link: Arc<Link>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Link {
    /// From the service: the limits of the exchange under way, or of the last one.
    limits: Mutex<Option<Arc<ExchangeLimits>>>,
    /// From the service: whether it accepts the upgrade that a request asked for.
    upgrade: Mutex<UpgradeDecision>,
    /// From the socket: the number of the exchange that the service must refuse, and why. There is one at most, because
    /// the socket passes nothing to hyper after it.
    refusal: OnceLock<(u64, ClientFault)>,
    /// From the socket: whether bytes wait that the client does not take.
    write_waits: AtomicBool,
}

#[derive(Default)]
struct UpgradeDecision {
    is_accepted: Option<bool>,
    /// The socket's task, while it waits.
    waiting: Option<Waker>,
}

/// Links the two halves of a new connection.
pub(crate) fn link(progress: &Arc<Progress>, ending: Arc<Ending>) -> (IoEnd, ServiceEnd) {
    let link = Arc::new(Link::default());
    let service = ServiceEnd { link: Arc::clone(&link), progress: Arc::clone(progress) };
    (IoEnd { link, progress: Arc::clone(progress), ending }, service)
}

impl IoEnd {
    /// Where the connection is in its sequence of exchanges.
    pub(crate) fn position(&self) -> Position {
        self.progress.position()
    }

    /// The rate at which the client must take what is written now. `None`: any.
    pub(crate) fn min_response_data_rate(&self) -> Option<DataRate> {
        self.link.limits.lock().as_ref()?.min_response_data_rate()
    }

    /// Ready when the service has decided on the upgrade that the last request asked for. Each decision is taken once.
    pub(crate) fn poll_upgrade(&self, cx: &Context<'_>) -> Poll<bool> {
        let mut decision = self.link.upgrade.lock();
        match decision.is_accepted.take() {
            Some(is_accepted) => Poll::Ready(is_accepted),
            None => {
                decision.waiting = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Has the service refuse the exchange with this number, before any application sees it.
    pub(crate) fn refuse(&self, exchange: u64, fault: ClientFault) {
        let _ = self.link.refusal.set((exchange, fault)); // nothing follows a refusal
    }

    /// Says whether bytes wait that the client does not take.
    pub(crate) fn set_write_waits(&self, waits: bool) {
        self.link.write_waits.store(waits, Ordering::Relaxed);
    }

    /// Says why this half ends the connection.
    pub(crate) fn end(&self, why: ClientFault) {
        self.ending.begin(why);
    }
}

impl ServiceEnd {
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Begins the next exchange, within limits of its own that begin as those of the server.
    pub(crate) fn begin(&self, limits: &Limits) -> (UnderWay, Arc<ExchangeLimits>) {
        let limits = {
            let mut last = self.link.limits.lock();
            match last.as_mut().and_then(Arc::get_mut) {
                Some(unused) => *unused = ExchangeLimits::new(limits), // nobody holds those of the exchange before
                None => *last = Some(Arc::new(ExchangeLimits::new(limits))),
            }
            Arc::clone(last.as_ref().expect("it has just been set"))
        };
        (self.progress.begin(), limits)
    }

    /// Why the exchange with this number must be refused, if it must.
    pub(crate) fn refusal(&self, exchange: u64) -> Option<ClientFault> {
        let (refused, fault) = self.link.refusal.get()?;
        (*refused == exchange).then_some(*fault)
    }

    /// Decides on the upgrade that the request under way asks for.
    pub(crate) fn decide_upgrade(&self, is_accepted: bool) {
        let mut decision = self.link.upgrade.lock();
        decision.is_accepted = Some(is_accepted);
        if let Some(waiting) = decision.waiting.take() {
            waiting.wake();
        }
    }

    /// Whether an exchange is under way, or the client has not taken all of the last response. A client that has sent
    /// nothing, or half a head, does not delay a shutdown.
    pub(crate) fn is_busy(&self) -> bool {
        self.progress.position().is_under_way() || self.link.write_waits.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn linked() -> (IoEnd, ServiceEnd) {
        link(&Arc::new(Progress::new(Clock::default(), Arc::default())), Arc::default())
    }

    #[test]
    fn a_refusal_is_for_one_exchange() {
        let (io, service) = linked();
        io.refuse(2, ClientFault::Version);
        io.refuse(3, ClientFault::LineEnd);
        assert_eq!([1, 2, 3].map(|exchange| service.refusal(exchange)), [None, Some(ClientFault::Version), None]);
    }

    #[test]
    fn each_decision_on_an_upgrade_is_taken_once() {
        let (io, service) = linked();
        let cx = Context::from_waker(Waker::noop());
        for is_accepted in [false, true] {
            assert_eq!(io.poll_upgrade(&cx), Poll::Pending);
            service.decide_upgrade(is_accepted);
            assert_eq!(io.poll_upgrade(&cx), Poll::Ready(is_accepted));
        }
    }

    #[test]
    fn limits_that_nobody_holds_are_used_again() {
        let (_io, service) = linked();
        let limits = Limits::default();
        let (_first, held) = service.begin(&limits);
        let (_second, other) = service.begin(&limits);
        assert!(!Arc::ptr_eq(&held, &other), "an application still holds the first");
        let at = Arc::as_ptr(&other);
        drop(other);
        assert_eq!(Arc::as_ptr(&service.begin(&limits).1), at);
    }
}
