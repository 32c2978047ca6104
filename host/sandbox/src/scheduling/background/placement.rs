//! Decides whether the guests of an app begin in the background, because their steps usually take long.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// Records whether an app's guests usually take more than [`SHORT`] without a pause. A guest that does much work in
/// short steps, such as passing on large content, delays nobody.
///
/// In the foreground the ticks show it, at no cost: the longer a step, the more ticks fall into it. In the background
/// the length of steps says little, because the thread yields. So from time to time a step is tried in the foreground
/// and measured. While such steps are short, the next ones are tried too; after a long one, a long time passes without
/// a trial.
#[derive(Default)]
pub(crate) struct Placement {
    /// Grows by the time of each step, in units of [`SHORT`], and shrinks by one with each short step.
    load: AtomicU8,
    /// The earliest time of the next trial, in microseconds.
    next_trial: AtomicU64,
}

/// A step in the foreground that shows whether guests may return there. There is one at a time.
pub(super) struct Trial(u64);

impl Placement {
    /// Whether guests begin in the background.
    pub(super) fn is_to_compute(&self) -> bool {
        self.load.load(Ordering::Relaxed) >= MAX / 2
    }

    /// A step took this long.
    pub(super) fn took(&self, time: Duration) {
        let more = u8::try_from(time.as_micros() / SHORT.as_micros()).unwrap_or(MAX);
        let load = |load: u8| Some(load.saturating_add(more).min(MAX));
        let _ = self.load.fetch_update(Ordering::Relaxed, Ordering::Relaxed, load);
    }

    /// A guest computed for so long that it was moved. Others begin in the background too, until they turn out to be
    /// short.
    pub(super) fn has_computed(&self) {
        self.took(SHORT * u32::from(MAX / 2));
    }

    /// A guest trapped. Logging the trap takes longer than most guests do, and an app that traps often may take several
    /// short steps before each trap.
    pub(super) fn has_trapped(&self) {
        self.took(TRAP);
    }

    /// A guest trapped in the foreground and delayed others, like a long step of a trial.
    pub(super) fn has_trapped_in_front(&self, now: Duration) {
        self.was_long(TRAP, now);
    }

    /// A step was short.
    pub(super) fn was_short(&self) {
        if self.load.load(Ordering::Relaxed) > 0 {
            let _ = self.load.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |load| load.checked_sub(1));
        }
    }

    /// Whether a step may be tried in the foreground now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        micros(now) >= self.next_trial.load(Ordering::Relaxed)
    }

    /// Begins a trial, if one is due.
    pub(super) fn tries(&self, now: Duration) -> Option<Trial> {
        let (now, next) = (micros(now), self.next_trial.load(Ordering::Relaxed));
        let given_up = now + micros(MAX_TRIAL);
        let is_due = now >= next
            && self.next_trial.compare_exchange(next, given_up, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_due.then_some(Trial(given_up))
    }

    /// The step of a trial took this long.
    pub(super) fn was_tried(&self, trial: Trial, time: Duration, now: Duration) {
        if time > SHORT {
            self.was_long(time, now);
        } else {
            self.was_short();
            // Not what was made of it meanwhile, by a trap.
            let _ = self.next_trial.compare_exchange(trial.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// The first step after a return took this long. A short one shows nothing: it may have had nothing to do.
    pub(super) fn has_come_back(&self, time: Duration, now: Duration) {
        if time > SHORT {
            self.was_long(time, now);
        }
    }

    /// A step delayed others for this long.
    fn was_long(&self, time: Duration, now: Duration) {
        self.took(time);
        self.wait(time, now);
    }

    /// Postpones the next trial, so that long steps take only a small part of the time.
    fn wait(&self, time: Duration, now: Duration) {
        self.next_trial.store(micros(now + time * PRICE), Ordering::Relaxed);
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// What a guest may take at once on a thread that serves. About twice what an echo of 64 KiB or a fresh instance of
/// `wasi:http` 0.3 takes: an app near the limit is now here and now there, and there an exchange costs twice as much.
pub(super) const SHORT: Duration = Duration::from_micros(200);

/// What a trap counts for.
const TRAP: Duration = Duration::from_micros(1600);

const MAX: u8 = 240;

/// Trials that are long take a four-hundredth of the time: what waits for them is not among the slowest of a hundred.
const PRICE: u32 = 400;

/// Longer than a guest is at work at a stretch.
const MAX_TRIAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    #[test]
    fn guests_begin_in_the_background_when_they_take_long_on_average() {
        let begins = |short: u32| {
            let placement = Placement::default();
            for _ in 0..1000 {
                placement.took(SHORT * 20);
                (0..short).for_each(|_| placement.was_short());
            }
            placement.is_to_compute()
        };
        assert!(begins(19));
        assert!(!begins(21));
    }

    #[test]
    fn guests_begin_in_the_background_when_one_of_eight_steps_traps() {
        let begins = |well: u32| {
            let placement = Placement::default();
            for _ in 0..1000 {
                placement.has_trapped_in_front(NOW);
                (0..=well).for_each(|_| placement.was_short());
            }
            placement.is_to_compute()
        };
        assert!(begins(6));
        assert!(!begins(8));
    }

    /// Tries steps that take so long, until none is due or guests are in the foreground again.
    fn try_steps(placement: &Placement, time: Duration) -> usize {
        let trials = std::iter::from_fn(|| placement.is_to_compute().then(|| placement.tries(NOW)).flatten());
        trials.map(|trial| placement.was_tried(trial, time, NOW)).count()
    }

    #[test]
    fn guests_whose_steps_are_short_again_are_soon_in_the_foreground() {
        let placement = Placement::default();
        (0..1000).for_each(|_| placement.took(SHORT * 20));
        assert_eq!(try_steps(&placement, SHORT), usize::from(MAX / 2) + 1);
        assert!(!placement.is_to_compute());
    }

    #[test]
    fn guests_whose_steps_stay_long_are_tried_seldom() {
        let placement = Placement::default();
        placement.has_computed();
        assert_eq!(try_steps(&placement, SHORT * 50), 1);
        assert!(placement.is_to_compute());
        let pause = SHORT * 50 * PRICE;
        assert!(placement.tries(NOW + pause - Duration::from_micros(1)).is_none());
        assert!(placement.tries(NOW + pause).is_some());
    }

    #[test]
    fn guests_that_trap_when_they_are_tried_are_tried_seldom() {
        let placement = Placement::default();
        (0..1000).for_each(|_| placement.has_trapped());
        let trial = placement.tries(NOW).expect("it is due");
        placement.has_trapped_in_front(NOW);
        placement.was_tried(trial, SHORT, NOW);
        assert!(placement.is_to_compute());
        assert!(placement.tries(NOW).is_none());
        assert!(placement.tries(NOW + TRAP * PRICE).is_some());
    }

    /// Else one guest of a hundred that traps would keep all of them there.
    #[test]
    fn traps_in_the_background_do_not_hold_up_trials() {
        let placement = Placement::default();
        (0..1000).for_each(|_| placement.has_trapped());
        while placement.is_to_compute() {
            placement.has_trapped();
            for _ in 0..100 {
                let trial = placement.tries(NOW).expect("it is due");
                placement.was_tried(trial, SHORT, NOW);
            }
        }
    }

    /// What came for it on its way is done in the foreground, without a trial.
    #[test]
    fn a_guest_that_comes_back_to_long_work_is_paid_for() {
        let placement = Placement::default();
        placement.has_computed();
        placement.has_come_back(SHORT, NOW);
        assert!(placement.is_to_compute() && placement.is_due(NOW));
        placement.has_come_back(SHORT * 50, NOW);
        let pause = SHORT * 50 * PRICE;
        assert!(!placement.is_due(NOW + pause - Duration::from_micros(1)));
        assert!(placement.is_due(NOW + pause));
    }

    #[test]
    fn one_step_is_tried_at_a_time() {
        let placement = Placement::default();
        placement.has_computed();
        let _under_way = placement.tries(NOW).expect("it is due");
        assert!(placement.tries(NOW).is_none());
        assert!(placement.tries(NOW + MAX_TRIAL).is_some());
    }
}
