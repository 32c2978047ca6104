//! The least rate at which a client must take what is written to it, as a token bucket of time. The bucket begins with the
//! grace, waiting takes from it, and each byte that the client takes puts back the time that it costs at the least rate.
//!
//! The kernel accepts bytes long before the client does, and reports room only when there is much. So what counts is how
//! much the client's kernel has acknowledged.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use windhover_contract::DataRate;

use crate::clock::{Alarm, Clock, later};

/// How long a client may let a write wait.
pub(crate) struct MinDataRate {
    clock: Clock,
    /// `None`: no write has waited yet, as on most connections.
    bucket: Option<TokenBucket>,
    is_waiting: bool,
}

struct TokenBucket {
    rate: DataRate,
    left: Duration,
    since: Instant,
    taken: u64,
    alarm: Alarm,
}

impl MinDataRate {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, bucket: None, is_waiting: false }
    }

    /// Whether a write waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    /// A write waits. Ready when it has waited for too long. `taken` is the number of all bytes that the client has
    /// taken.
    pub(crate) fn poll_waiting(
        &mut self,
        cx: &mut Context<'_>,
        rate: impl FnOnce() -> Option<DataRate>,
        taken: impl Fn() -> u64,
    ) -> Poll<()> {
        if !std::mem::replace(&mut self.is_waiting, true) {
            let Some(rate) = rate() else {
                self.bucket = None;
                return Poll::Pending;
            };
            let now = self.clock.now();
            match &mut self.bucket {
                Some(bucket) if bucket.rate == rate => {
                    // What was taken since the last wait counts, and the time since then does not.
                    bucket.since = now;
                    bucket.settle(now, taken());
                }
                bucket => {
                    let alarm = self.clock.alarm(rate.grace);
                    *bucket = Some(TokenBucket { rate, left: rate.grace, since: now, taken: taken(), alarm });
                }
            }
            if let Some(bucket) = &mut self.bucket {
                bucket.alarm.reset(later(now, bucket.left));
            }
        }
        let Some(bucket) = &mut self.bucket else { return Poll::Pending };
        while Pin::new(&mut bucket.alarm).poll(cx).is_ready() {
            bucket.settle(self.clock.now(), taken());
            if bucket.left.is_zero() {
                return Poll::Ready(());
            }
            bucket.alarm.reset(later(bucket.since, bucket.left));
        }
        Poll::Pending
    }

    /// A write went through.
    pub(crate) fn goes_on(&mut self, taken: impl Fn() -> u64) {
        if std::mem::take(&mut self.is_waiting)
            && let Some(bucket) = &mut self.bucket
        {
            bucket.settle(self.clock.now(), taken());
        }
    }
}

impl TokenBucket {
    fn settle(&mut self, now: Instant, taken: u64) {
        let waited = now.saturating_duration_since(self.since);
        let bytes = taken.saturating_sub(self.taken);
        let earned = Duration::from_secs_f64(bytes as f64 / f64::from(self.rate.bytes_per_second.get()));
        let most = self.rate.allows(MAX_CREDIT);
        self.left = self.left.saturating_add(earned).saturating_sub(waited).min(most);
        (self.since, self.taken) = (now, taken);
    }
}

/// A client that was fast may pause, but not for every byte that it ever took. As Kestrel's MaxResponseBufferSize, for
/// which a client there gets the time of the rate.
const MAX_CREDIT: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::task::Waker;

    use super::*;

    const RATE: DataRate =
        DataRate { bytes_per_second: NonZeroU32::new(100).expect("it is not 0"), grace: Duration::from_secs(5) };

    /// Waits second after second while the client takes so many bytes in each. Returns how long it was allowed to.
    fn endure(
        min_data_rate: &mut MinDataRate,
        test_clock: &crate::TestClock,
        bytes_per_second: u64,
        seconds: u64,
    ) -> Option<u64> {
        let mut cx = Context::from_waker(Waker::noop());
        (0..=seconds).find(|second| {
            let waited = min_data_rate.poll_waiting(&mut cx, || Some(RATE), || second * bytes_per_second);
            test_clock.jump(Duration::from_secs(1));
            waited.is_ready()
        })
    }

    #[test]
    fn who_takes_nothing_has_the_grace_and_who_takes_enough_has_all_time() {
        for (bytes_per_second, expected) in [(0, Some(5)), (50, Some(10)), (99, Some(500)), (100, None), (1000, None)] {
            let (clock, test_clock) = Clock::manual();
            let mut min_data_rate = MinDataRate::new(clock);
            assert_eq!(endure(&mut min_data_rate, &test_clock, bytes_per_second, 1000), expected, "{bytes_per_second}");
        }
    }

    #[test]
    fn what_was_taken_fast_is_followed_by_a_pause_that_has_an_end() {
        let (clock, test_clock) = Clock::manual();
        let mut min_data_rate = MinDataRate::new(clock);
        assert_eq!(endure(&mut min_data_rate, &test_clock, 1_000_000, 2), None);
        min_data_rate.goes_on(|| 3_000_000);
        let mut cx = Context::from_waker(Waker::noop());
        for (seconds, is_over) in [(600, false), (60, true)] {
            let _ = min_data_rate.poll_waiting(&mut cx, || Some(RATE), || 3_000_000);
            test_clock.jump(Duration::from_secs(seconds));
            assert_eq!(min_data_rate.poll_waiting(&mut cx, || Some(RATE), || 3_000_000).is_ready(), is_over);
        }
    }

    #[test]
    fn what_is_taken_between_two_waits_counts_and_the_time_between_them_does_not() {
        for (bytes_between, expected) in [(100, None), (50, Some(9)), (0, Some(5))] {
            let (clock, test_clock) = Clock::manual();
            let mut min_data_rate = MinDataRate::new(clock);
            let mut cx = Context::from_waker(Waker::noop());
            let ended = (0..100).find(|wait| {
                let taken = || wait * bytes_between;
                let _ = min_data_rate.poll_waiting(&mut cx, || Some(RATE), taken);
                test_clock.jump(Duration::from_secs(1));
                let is_over = min_data_rate.poll_waiting(&mut cx, || Some(RATE), taken).is_ready();
                min_data_rate.goes_on(taken);
                test_clock.jump(Duration::from_secs(60)); // nothing waits
                is_over
            });
            assert_eq!(ended.map(|waits| waits + 1), expected, "{bytes_between}");
        }
    }

    #[test]
    fn short_waits_add_up() {
        let (clock, test_clock) = Clock::manual();
        let mut min_data_rate = MinDataRate::new(clock);
        let mut cx = Context::from_waker(Waker::noop());
        for second in 0..5 {
            assert!(min_data_rate.poll_waiting(&mut cx, || Some(RATE), || second).is_pending());
            test_clock.jump(Duration::from_secs(1));
            min_data_rate.goes_on(|| second + 1);
        }
        let _ = min_data_rate.poll_waiting(&mut cx, || Some(RATE), || 6);
        test_clock.jump(Duration::from_millis(100));
        assert!(min_data_rate.poll_waiting(&mut cx, || Some(RATE), || 6).is_ready());
    }
}
