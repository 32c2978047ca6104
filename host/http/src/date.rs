//! The date of a response, formatted once a second.

use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::HeaderValue;
use httpdate::fmt_http_date;

/// The date as a field value (RFC 9110 §6.6.1).
pub(crate) fn date() -> HeaderValue {
    date_at(SystemTime::now())
}

/// The date where hyper's would be wrong. hyper adds the date to HTTP/1.x responses, and updates it only when the
/// system's time is later than ever before: after the clock was set back, hyper's date stands still.
pub(crate) fn date_behind_step() -> Option<HeaderValue> {
    let now = SystemTime::now();
    let is_behind = STEPS.with_borrow_mut(|steps| {
        steps.get_or_insert_with(|| Steps::new(now, Instant::now())).is_behind(now, Instant::now())
    });
    is_behind.then(|| date_at(now))
}

fn date_at(now: SystemTime) -> HeaderValue {
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|last| match last {
        Some((made, date)) if *made == second => date.clone(),
        _ => {
            let date = HeaderValue::try_from(fmt_http_date(now)).expect("a date is a field value");
            *last = Some((second, date.clone()));
            date
        }
    })
}

/// Whether the system's time has been later than now, found out with the monotonic clock.
struct Steps {
    /// The latest time that the system would show if its clock had never been set back.
    latest: SystemTime,
    /// When that was, by the monotonic clock.
    at: Instant,
    /// Until then a date that was made before the clock was set back is later than the time.
    until: Option<SystemTime>,
}

impl Steps {
    fn new(now: SystemTime, at: Instant) -> Self {
        Self { latest: now, at, until: None }
    }

    /// Whether the clock was set back by more than a second, and has not reached the time it had then.
    fn is_behind(&mut self, now: SystemTime, at: Instant) -> bool {
        let expected = self.latest + at.saturating_duration_since(self.at);
        match self.until {
            None if now + TOLERANCE < expected => self.until = Some(expected + TOLERANCE),
            Some(until) if now <= until => {}
            _ => {
                *self = Self::new(if self.until.is_some() { now } else { now.max(expected) }, at);
            }
        }
        self.until.is_some()
    }
}

/// The precision of a date. A clock that runs slower for a while, as NTP does it, counts as no step.
const TOLERANCE: Duration = Duration::from_secs(1);

thread_local! {
    static LAST: RefCell<Option<(u64, HeaderValue)>> = const { RefCell::new(None) };
    static STEPS: RefCell<Option<Steps>> = const { RefCell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_is_noticed_until_it_is_where_it_was() {
        let (begin, at) = (UNIX_EPOCH + Duration::from_secs(1_000_000), Instant::now());
        let mut steps = Steps::new(begin, at);
        // Seconds that have passed, what the clock has gone meanwhile, and whether it is behind.
        for (passed, shown, expected) in [
            (0, 0, false),
            (10, 10, false),
            (20, 19, false),
            (30, 100, false),
            // It is set back to 40, and goes on.
            (40, 40, true),
            (50, 50, true),
            (109, 109, true),
            (111, 111, true),
            (112, 112, false),
            (200, 200, false),
            // By one hour, with nothing asked for between.
            (3800, 200, true),
            (3900, 300, true),
            (7500, 3901, false),
            (7600, 4001, false),
        ] {
            let now = begin + Duration::from_secs(shown);
            assert_eq!(steps.is_behind(now, at + Duration::from_secs(passed)), expected, "{passed} {shown}");
        }
    }

    #[test]
    fn the_date_follows_a_clock_that_is_set_back() {
        let date = |seconds| date_at(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(date(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(date(784_111_776), "Sun, 06 Nov 1994 08:49:36 GMT");
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
