//! How long a client may let a write wait: as a purse of time. It holds the grace, waiting takes from it, and every
//! octet that the client really takes puts back what it costs at the least rate.
//!
//! Really: the system takes what is written to a socket long before the client does, and says that there is room only
//! when there is much. So it is asked how much the client's own system has acknowledged.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use windhover_contract::DataRate;

use crate::clock::{Alarm, Clock, later};

/// How long a client may let a write wait.
pub(crate) struct Patience {
    clock: Clock,
    /// `None`: nothing has waited yet, as on most connections for ever.
    purse: Option<Purse>,
    is_waiting: bool,
}

struct Purse {
    rate: DataRate,
    left: Duration,
    since: Instant,
    taken: u64,
    alarm: Alarm,
}

impl Patience {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, purse: None, is_waiting: false }
    }

    /// Whether a write waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// A write waits. Ready when it has done so for too long. `taken` is what the client has taken in all.
    pub(crate) fn poll_waiting(
        &mut self,
        cx: &mut Context<'_>,
        rate: impl FnOnce() -> Option<DataRate>,
        taken: impl Fn() -> u64,
    ) -> Poll<()> {
        if !std::mem::replace(&mut self.is_waiting, true) {
            let Some(rate) = rate() else {
                self.purse = None;
                return Poll::Pending;
            };
            let now = self.clock.now();
            match &mut self.purse {
                Some(purse) if purse.rate == rate => (purse.since, purse.taken) = (now, taken()),
                purse => {
                    let alarm = self.clock.alarm(rate.grace);
                    *purse = Some(Purse { rate, left: rate.grace, since: now, taken: taken(), alarm });
                }
            }
            if let Some(purse) = &mut self.purse {
                purse.alarm.reset(later(now, purse.left));
            }
        }
        let Some(purse) = &mut self.purse else { return Poll::Pending };
        while Pin::new(&mut purse.alarm).poll(cx).is_ready() {
            purse.settle(self.clock.now(), taken());
            if purse.left.is_zero() {
                return Poll::Ready(());
            }
            purse.alarm.reset(later(purse.since, purse.left));
        }
        Poll::Pending
    }

    /// A write went through.
    pub(crate) fn goes_on(&mut self, taken: impl Fn() -> u64) {
        if std::mem::take(&mut self.is_waiting)
            && let Some(purse) = &mut self.purse
        {
            purse.settle(self.clock.now(), taken());
        }
    }
}

impl Purse {
    fn settle(&mut self, now: Instant, taken: u64) {
        let waited = now.saturating_duration_since(self.since);
        let octets = taken.saturating_sub(self.taken);
        let earned = Duration::from_secs_f64(octets as f64 / f64::from(self.rate.octets_per_second.get()));
        let most = self.rate.allows(MAX_CREDIT);
        self.left = self.left.saturating_add(earned).saturating_sub(waited).min(most);
        (self.since, self.taken) = (now, taken);
    }
}

/// What a client has taken fast may be followed by a pause, but not by one for every octet that it ever took. As
/// Kestrel's MaxResponseBufferSize, for which a client there has the time of the rate.
const MAX_CREDIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::task::Waker;

    use super::*;

    const RATE: DataRate =
        DataRate { octets_per_second: NonZeroU32::new(100).expect("it is not 0"), grace: Duration::from_secs(5) };

    /// Waits second after second while the client takes so many octets in each. How long it is given.
    fn endure(patience: &mut Patience, hand: &crate::ClockHand, octets_a_second: u64, seconds: u64) -> Option<u64> {
        let mut cx = Context::from_waker(Waker::noop());
        (0..=seconds).find(|second| {
            let waited = patience.poll_waiting(&mut cx, || Some(RATE), || second * octets_a_second);
            hand.jump(Duration::from_secs(1));
            waited.is_ready()
        })
    }

    #[test]
    fn who_takes_nothing_has_the_grace_and_who_takes_enough_has_all_time() {
        for (octets_a_second, expected) in [(0, Some(5)), (50, Some(10)), (99, Some(500)), (100, None), (1000, None)] {
            let (clock, hand) = Clock::by_hand();
            let mut patience = Patience::new(clock);
            assert_eq!(endure(&mut patience, &hand, octets_a_second, 1000), expected, "{octets_a_second}");
        }
    }

    #[test]
    fn what_was_taken_fast_is_followed_by_a_pause_that_has_an_end() {
        let (clock, hand) = Clock::by_hand();
        let mut patience = Patience::new(clock);
        assert_eq!(endure(&mut patience, &hand, 1_000_000, 2), None);
        patience.goes_on(|| 3_000_000);
        let mut cx = Context::from_waker(Waker::noop());
        for (seconds, is_over) in [(600, false), (60, true)] {
            let _ = patience.poll_waiting(&mut cx, || Some(RATE), || 3_000_000);
            hand.jump(Duration::from_secs(seconds));
            assert_eq!(patience.poll_waiting(&mut cx, || Some(RATE), || 3_000_000).is_ready(), is_over);
        }
    }

    #[test]
    fn short_waits_add_up() {
        let (clock, hand) = Clock::by_hand();
        let mut patience = Patience::new(clock);
        let mut cx = Context::from_waker(Waker::noop());
        for second in 0..5 {
            assert!(patience.poll_waiting(&mut cx, || Some(RATE), || second).is_pending());
            hand.jump(Duration::from_secs(1));
            patience.goes_on(|| second + 1);
        }
        let _ = patience.poll_waiting(&mut cx, || Some(RATE), || 6);
        hand.jump(Duration::from_millis(100));
        assert!(patience.poll_waiting(&mut cx, || Some(RATE), || 6).is_ready());
    }
}
