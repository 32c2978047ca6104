//! Pauses a guest that traps repeatedly, for longer each time, because it would only use CPU time and fill the log. IIS
//! does this with its worker processes, and calls it rapid-fail protection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::{error, info};
use windhover_contract::{Fault, GuestFault, HostFault};

/// Pauses an app whose guest traps repeatedly.
pub(crate) struct RapidFail {
    app: Arc<str>,
    max_traps: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The last ones, of a minute at most; the oldest first.
    traps: VecDeque<Instant>,
    /// The length of the next pause, if there was one before.
    pause: Option<Duration>,
    /// The end of the pause. `None`: the app is not paused.
    until: Option<Instant>,
    /// One exchange runs as a trial.
    is_tried: bool,
}

/// An exchange whose end shows whether the guest still traps.
pub(crate) struct Attempt {
    rapid_fail: Arc<RapidFail>,
    is_trial: bool,
}

impl RapidFail {
    /// `None`: `max_traps` is zero, so the app is never paused.
    pub(crate) fn new(app: &Arc<str>, max_traps: usize) -> Option<Arc<Self>> {
        (max_traps > 0).then(|| Arc::new(Self { app: Arc::clone(app), max_traps, state: Mutex::default() }))
    }

    /// Whether the app is paused now.
    pub(crate) fn is_paused(&self) -> bool {
        self.state().until.is_some()
    }

    /// Admits an exchange, unless the app is paused.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Attempt, HostFault> {
        self.admit_at(Instant::now())
    }

    fn admit_at(self: &Arc<Self>, now: Instant) -> Result<Attempt, HostFault> {
        let mut state = self.state();
        let Some(until) = state.until else { return Ok(self.attempt(false)) };
        let left = until.saturating_duration_since(now);
        if state.is_tried || !left.is_zero() {
            return Err(HostFault::Failing { seconds: left.as_secs_f64().ceil().max(1.0) as u32 });
        }
        state.is_tried = true;
        Ok(self.attempt(true))
    }

    fn attempt(self: &Arc<Self>, is_trial: bool) -> Attempt {
        Attempt { rapid_fail: Arc::clone(self), is_trial }
    }

    fn trapped_at(&self, now: Instant, is_trial: bool) {
        let mut state = self.state();
        if state.until.is_some() && !is_trial {
            return; // it began before the pause
        }
        state.traps.push_back(now);
        while state.traps.front().is_some_and(|trap| now.duration_since(*trap) > MINUTE) {
            state.traps.pop_front();
        }
        if !is_trial && state.traps.len() < self.max_traps {
            return;
        }
        let pause = state.pause.map_or(FIRST_PAUSE, |pause| (pause * 2).min(LAST_PAUSE));
        if !is_trial {
            let (app, max) = (&self.app, self.max_traps);
            error!(%app, "the guest trapped {max} times in a minute (rapid-fail): its requests are answered 503 for {pause:?}; \
                          each further trap doubles the pause, up to {LAST_PAUSE:?}");
        }
        state.traps.clear();
        (state.pause, state.until, state.is_tried) = (Some(pause), Some(now + pause), false);
    }

    /// A trial succeeded.
    fn recovered(&self) {
        info!(app = %self.app, "the guest answers again, and gets all of its requests");
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Attempt {
    /// Records how the exchange ended.
    pub(crate) fn end(self, ended: &Result<(), Fault>) {
        self.end_at(Instant::now(), ended);
    }

    fn end_at(mut self, now: Instant, ended: &Result<(), Fault>) {
        let is_trial = std::mem::take(&mut self.is_trial);
        match ended {
            Err(Fault::Guest(GuestFault::Trapped)) => self.rapid_fail.trapped_at(now, is_trial),
            _ if is_trial => self.rapid_fail.recovered(),
            _ => {}
        }
    }
}

impl Drop for Attempt {
    /// A trial whose client has disconnected shows nothing, so another exchange becomes the trial.
    fn drop(&mut self) {
        if self.is_trial {
            self.rapid_fail.state().is_tried = false;
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// How long a guest is left alone the first time, and at most.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_traps_in_a_minute_and_the_guest_is_left_alone() {
        let mut guest = Guest::new(3);
        for _ in 0..5 {
            guest.trap(2);
            guest.pass(MINUTE + SECOND); // too far apart
        }
        assert!(!guest.0.is_paused());
        guest.trap(3);
        assert!(guest.0.is_paused());
        assert_eq!(guest.refused(), Some(1));
    }

    #[test]
    fn each_pause_is_twice_as_long_and_one_exchange_ends_it() {
        let mut guest = Guest::new(2);
        guest.trap(2);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(guest.refused(), Some(seconds));
            guest.pass(SECOND * seconds);
            let trial = guest.admit();
            assert_eq!(guest.refused(), Some(1), "one is tried, and no other");
            trial.end_at(guest.1, &TRAPPED);
        }
        guest.pass(LAST_PAUSE);
        guest.admit().end_at(guest.1, &Ok(()));
        assert_eq!((guest.0.is_paused(), guest.refused()), (false, None));
        guest.trap(2);
        assert_eq!(guest.refused(), Some(1), "it begins anew");
    }

    #[test]
    fn a_trial_that_tells_nothing_is_followed_by_another() {
        let mut guest = Guest::new(1);
        guest.trap(1);
        guest.pass(FIRST_PAUSE);
        drop(guest.admit()); // its client has left
        guest.admit().end_at(guest.1, &Ok(()));
        assert!(!guest.0.is_paused());
    }

    #[test]
    fn what_was_under_way_does_not_make_it_longer() {
        let guest = Guest::new(1);
        for attempt in [guest.admit(), guest.admit()] {
            attempt.end_at(guest.1, &TRAPPED);
        }
        assert_eq!(guest.refused(), Some(1));
    }

    /// A guest, and what time it is.
    struct Guest(Arc<RapidFail>, Instant);

    impl Guest {
        fn new(max_traps: usize) -> Self {
            Self(RapidFail::new(&"app".into(), max_traps).expect("it is more than none"), Instant::now())
        }

        fn pass(&mut self, time: Duration) {
            self.1 += time;
        }

        fn admit(&self) -> Attempt {
            self.0.admit_at(self.1).expect("it is not left alone")
        }

        fn trap(&self, times: usize) {
            for _ in 0..times {
                self.admit().end_at(self.1, &TRAPPED);
            }
        }

        /// For how long, where it is.
        fn refused(&self) -> Option<u32> {
            match self.0.admit_at(self.1) {
                Ok(_) => None,
                Err(HostFault::Failing { seconds }) => Some(seconds),
                Err(other) => panic!("it is refused for another reason: {other}"),
            }
        }
    }

    const SECOND: Duration = Duration::from_secs(1);
    const TRAPPED: Result<(), Fault> = Err(Fault::Guest(GuestFault::Trapped));
}
