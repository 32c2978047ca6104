//! Where a connection is in its sequence of exchanges: the number of the current exchange, and how far it has come.
//!
//! HTTP/1.x has one exchange at a time: hyper calls the service for the next request after it has dropped the response to
//! the one before. Every transition is in this file. The connection's task makes them, with one exception: an
//! application may abort its own exchange from any thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use windhover_contract::{Fault, Lifetime};

use crate::clock::{Clock, later};
use crate::ending::Ending;

/// Where a connection is in its sequence of exchanges.
pub(crate) struct Progress {
    /// The number of the exchange and its phase, in one word: an abort cannot meet another exchange than its own.
    word: AtomicU64,
    /// When the phase began, in nanoseconds behind `epoch`, or [`UNKNOWN`].
    since: AtomicU64,
    epoch: Instant,
    clock: Clock,
    ending: Arc<Ending>,
    aborted: Notify,
}

/// [`Progress`] at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// How many exchanges have begun on this connection: the number of the current one, or of the last.
    pub(crate) exchange: u64,
    pub(crate) phase: Phase,
}

/// How far an exchange has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No exchange is under way.
    Idle { since: Instant },
    /// The application has the request and has not answered.
    Handling,
    /// The head of the response is on its way. `since` is known if the server was about to shut down by then.
    Responding { since: Option<Instant> },
    /// The connection speaks another protocol, until it ends. `since` as before.
    Upgraded { since: Option<Instant> },
    /// The exchange ended before its response was whole, and the connection ends with it.
    Aborted,
}

/// An exchange that is under way. It ends when this is dropped.
pub(crate) struct UnderWay(Arc<Progress>);

/// The application's power to abort one exchange. The application may keep it for longer than the exchange lasts: then
/// it has no effect.
pub(crate) struct ExchangeLifetime {
    pub(crate) progress: Arc<Progress>,
    pub(crate) exchange: u64,
}

impl Progress {
    /// A connection on which no exchange has begun.
    pub(crate) fn new(clock: Clock, ending: Arc<Ending>) -> Self {
        Self {
            word: AtomicU64::new(IDLE),
            since: AtomicU64::new(0),
            epoch: clock.now(),
            clock,
            ending,
            aborted: Notify::new(),
        }
    }

    pub(crate) fn position(&self) -> Position {
        let word = self.word.load(Ordering::Acquire);
        let since = || {
            let since = self.since.load(Ordering::Relaxed);
            (since != UNKNOWN).then(|| self.epoch + Duration::from_nanos(since))
        };
        let phase = match word & PHASE {
            IDLE => Phase::Idle { since: since().unwrap_or(self.epoch) },
            HANDLING => Phase::Handling,
            RESPONDING => Phase::Responding { since: since() },
            UPGRADED => Phase::Upgraded { since: since() },
            _ => Phase::Aborted,
        };
        Position { exchange: word >> PHASE_BITS, phase }
    }

    /// Begins the next exchange.
    pub(crate) fn begin(self: &Arc<Self>) -> UnderWay {
        self.change(|word| {
            let phase = if word & PHASE == ABORTED { ABORTED } else { HANDLING };
            Some(((word >> PHASE_BITS) + 1) << PHASE_BITS | phase)
        });
        UnderWay(Arc::clone(self))
    }

    /// The head of the response is on its way. `is_closing`: the server is about to shut down, so that it matters when.
    pub(crate) fn respond(&self, is_closing: bool) {
        self.since.store(if is_closing { self.now() } else { UNKNOWN }, Ordering::Relaxed);
        self.change(|word| (word & PHASE == HANDLING).then_some(word & !PHASE | RESPONDING));
    }

    /// The response that is on its way changes the protocol.
    pub(crate) fn upgrade(&self) {
        self.change(|word| (word & PHASE == RESPONDING).then_some(word & !PHASE | UPGRADED));
    }

    /// Aborts the exchange under way, if there is one.
    pub(crate) fn abort(&self) {
        self.change(|word| (word & PHASE != IDLE).then_some(word & !PHASE | ABORTED));
    }

    /// Ends when the application has aborted its exchange.
    pub(crate) async fn aborted(&self) {
        self.aborted.notified().await;
    }

    /// Ends when a response has been on its way for `limit`, of which only the time from now on counts.
    pub(crate) async fn response_overdue(&self, limit: Duration) {
        let begun = self.clock.now();
        loop {
            let now = self.clock.now();
            let at = match self.position().phase {
                Phase::Responding { since } | Phase::Upgraded { since } => {
                    later(since.map_or(begun, |since| since.max(begun)), limit)
                }
                Phase::Idle { .. } | Phase::Handling | Phase::Aborted => {
                    self.clock.alarm_at(later(now, limit.max(MIN_CHECK_INTERVAL))).await;
                    continue;
                }
            };
            if at <= now {
                return;
            }
            self.clock.alarm_at(at).await;
        }
    }

    fn change(&self, next: impl Fn(u64) -> Option<u64>) -> bool {
        self.word.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).is_ok()
    }

    fn now(&self) -> u64 {
        let since = self.clock.now().saturating_duration_since(self.epoch);
        u64::try_from(since.as_nanos()).unwrap_or(UNKNOWN)
    }
}

impl Position {
    /// Whether an exchange is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        !matches!(self.phase, Phase::Idle { .. })
    }
}

impl UnderWay {
    /// Ends the exchange before its response is whole.
    pub(crate) fn abort(&self) {
        self.0.abort();
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if matches!(self.0.position().phase, Phase::Handling | Phase::Responding { .. }) {
            self.0.since.store(self.0.now(), Ordering::Relaxed);
            self.0.change(|word| matches!(word & PHASE, HANDLING | RESPONDING).then_some(word & !PHASE | IDLE));
        }
    }
}

impl Lifetime for ExchangeLifetime {
    /// In HTTP/1.x the end of the exchange is the end of the connection.
    fn abort(&self, why: Fault) {
        let position = self.progress.position();
        if position.exchange != self.exchange || !position.is_under_way() {
            return;
        }
        self.progress.ending.begin(why); // first, because the connection may be dropped as soon as it is aborted
        let is_own = |word: u64| word >> PHASE_BITS == self.exchange && word & PHASE != IDLE;
        if self.progress.change(|word| is_own(word).then_some(word & !PHASE | ABORTED)) {
            self.progress.aborted.notify_one();
        }
    }

    fn broken_off(&self) -> Option<Fault> {
        self.progress.ending.fault()
    }
}

// The phases in the word.
const IDLE: u64 = 0;
const HANDLING: u64 = 1;
const RESPONDING: u64 = 2;
const UPGRADED: u64 = 3;
const ABORTED: u64 = 4;
const PHASE_BITS: u32 = 3;
const PHASE: u64 = (1 << PHASE_BITS) - 1;

/// In place of a time that nobody took.
const UNKNOWN: u64 = u64::MAX;

/// How long to wait at least before looking again whether a response has begun.
const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use windhover_contract::{GuestFault, HostFault};

    use super::*;

    fn progress() -> Arc<Progress> {
        Arc::new(Progress::new(Clock::default(), Arc::default()))
    }

    fn lifetime(progress: &Arc<Progress>, exchange: u64) -> ExchangeLifetime {
        ExchangeLifetime { progress: Arc::clone(progress), exchange }
    }

    #[test]
    fn an_exchange_begins_responds_and_ends_with_its_guard() {
        let progress = progress();
        assert!(!progress.position().is_under_way());
        for number in 1..=3 {
            let under_way = progress.begin();
            assert_eq!(progress.position(), Position { exchange: number, phase: Phase::Handling });
            progress.respond(false);
            assert_eq!(progress.position().phase, Phase::Responding { since: None });
            drop(under_way);
            assert!(
                matches!(progress.position(), Position { exchange, phase: Phase::Idle { .. } } if exchange == number)
            );
        }
    }

    #[test]
    fn idle_time_begins_when_the_exchange_ends() {
        let (clock, test_clock) = Clock::manual();
        let begun = clock.now();
        let progress = Arc::new(Progress::new(clock, Arc::default()));
        assert_eq!(progress.position().phase, Phase::Idle { since: begun });
        let under_way = progress.begin();
        test_clock.jump(Duration::from_secs(3));
        progress.respond(true);
        assert_eq!(progress.position().phase, Phase::Responding { since: Some(begun + Duration::from_secs(3)) });
        test_clock.jump(Duration::from_secs(4));
        drop(under_way);
        assert_eq!(progress.position().phase, Phase::Idle { since: begun + Duration::from_secs(7) });
    }

    #[test]
    fn an_application_aborts_its_own_exchange_and_no_other() {
        let progress = progress();
        let first = progress.begin();
        drop(first);
        lifetime(&progress, 1).abort(GuestFault::Aborted.into());
        assert!(!progress.position().is_under_way(), "the exchange has ended");
        let second = progress.begin();
        lifetime(&progress, 1).abort(GuestFault::Aborted.into());
        assert_eq!(progress.position().phase, Phase::Handling);
        assert_eq!(lifetime(&progress, 2).broken_off(), None);
        lifetime(&progress, 2).abort(GuestFault::Aborted.into());
        lifetime(&progress, 2).abort(HostFault::Internal.into());
        progress.respond(false);
        drop(second);
        assert_eq!(progress.position().phase, Phase::Aborted, "it stays aborted");
        assert_eq!(lifetime(&progress, 2).broken_off(), Some(GuestFault::Aborted.into()), "the first reason stands");
    }

    #[test]
    fn an_upgraded_connection_stays_upgraded() {
        let progress = progress();
        let under_way = progress.begin();
        progress.respond(false);
        progress.upgrade();
        drop(under_way);
        assert_eq!(progress.position().phase, Phase::Upgraded { since: None });
    }
}
