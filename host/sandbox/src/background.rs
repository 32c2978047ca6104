//! Guests that compute go on in the background: on threads of a lower priority, so that nothing else waits for them.
//!
//! A thread that serves connections is left after a tick or two. Were the guest to give way there and come back, each
//! such guest would take a tick between two looks at the sockets, and everybody else's answers with it; here the kernel
//! gives the core to whoever serves, at once. An app whose guests often compute has them begin here.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::Deployed;

/// The threads of a process that guests compute on. They are started when the first guest needs them.
pub(crate) struct Background {
    threads: usize,
    runtime: OnceLock<Option<Runtime>>,
}

impl Background {
    /// Zero threads: guests give way where they are.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, runtime: OnceLock::new() }
    }

    /// Where to spawn; `None`: there is no background.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        self.runtime.get_or_init(|| self.start()).as_ref().map(Runtime::handle)
    }

    fn start(&self) -> Option<Runtime> {
        if self.threads == 0 {
            return None;
        }
        Builder::new_multi_thread()
            .worker_threads(self.threads)
            .thread_name("windhover-guest")
            .on_thread_start(lower_priority)
            .enable_all()
            .build()
            .inspect_err(|failure| warn!("no threads for guests that compute, so they slow down others: {failure}"))
            .ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take().flatten() {
            runtime.shutdown_background(); // the last guest of a process may end anywhere
        }
    }
}

/// Whether an app's guests usually take more than a hundred microseconds, as the clock's ticks tell: one falls into each
/// twentieth of such guests. To know that costs nothing.
#[derive(Default)]
pub(crate) struct Habit(AtomicU8);

impl Habit {
    /// Whether they are to begin in the background: when a tick falls into more than each twentieth.
    fn is_to_compute(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MAX_HABIT / 2
    }

    /// A tick fell into a step of one.
    fn was_long(&self) {
        let more = |habit: u8| Some(habit.saturating_add(WEIGHT).min(MAX_HABIT));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
    }

    /// One ended, and no tick fell into it.
    fn was_short(&self) {
        if self.0.load(Ordering::Relaxed) > 0 {
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |habit| habit.checked_sub(1));
        }
    }
}

const MAX_HABIT: u8 = 240;

/// Of a tick, beside guests that none fell into.
const WEIGHT: u8 = 19;

/// Says, in a guest's step, that it has computed for long. What it returns waits until others have had their turn.
pub(crate) fn give_way() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    HAS_COMPUTED.set(true);
    // By tokio's own yield: a plain one would be back in the queue at once, and a runtime looks at its sockets and
    // timers only every so many turns.
    Box::pin(tokio::task::yield_now())
}

thread_local! {
    /// Whether the guest that was polled last on this thread has given way.
    static HAS_COMPUTED: Cell<bool> = const { Cell::new(false) };
}

/// A guest's work: it begins where it is polled, and goes on in the background if it takes long. Dropping it ends it: at
/// once here, and there when the guest waits or at its next tick.
pub(crate) struct Work<T> {
    place: Place<T>,
    deployed: Arc<Deployed>,
}

enum Place<T> {
    Here(Steps<T>),
    There(JoinHandle<T>),
    /// On its way.
    Nowhere,
}

impl<T: Send + 'static> Work<T> {
    pub(crate) fn new(deployed: &Arc<Deployed>, work: impl Future<Output = T> + Send + 'static) -> Self {
        let deployed = Arc::clone(deployed);
        let work = Box::pin(work);
        let steps = Steps { work, deployed: Arc::clone(&deployed), has_computed: false, is_long: false };
        Self { place: Place::Here(steps), deployed }
    }
}

impl<T: Send + 'static> Future for Work<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { place, deployed } = &mut *self;
        if let Place::Here(steps) = place {
            let stays = !deployed.habit.is_to_compute();
            let polled = if stays { Pin::new(&mut *steps).poll(cx) } else { Poll::Pending };
            if polled.is_ready() || stays && !steps.has_computed {
                return polled;
            }
            let Some(background) = deployed.guest.engine().background() else {
                return if stays { polled } else { Pin::new(steps).poll(cx) };
            };
            if let Place::Here(steps) = std::mem::replace(place, Place::Nowhere) {
                *place = Place::There(background.spawn(steps));
            }
        }
        let Place::There(there) = place else { unreachable!("it stays nowhere") };
        Pin::new(there).poll(cx).map(|ended| match ended {
            Ok(ended) => ended,
            Err(failure) => match failure.try_into_panic() {
                Ok(panic) => resume_unwind(panic), // a host call's, which ends the exchange as it would here
                Err(_) => unreachable!("the background is there as long as its engine"),
            },
        })
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        if let Place::There(there) = &self.place {
            there.abort();
        }
    }
}

/// The work itself, wherever it is done.
struct Steps<T> {
    work: Pin<Box<dyn Future<Output = T> + Send>>,
    deployed: Arc<Deployed>,
    /// It has given way.
    has_computed: bool,
    /// A tick fell into it.
    is_long: bool,
}

impl<T> Future for Steps<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { work, deployed, has_computed, is_long } = &mut *self;
        let clock = deployed.guest.clock();
        clock.wind();
        HAS_COMPUTED.set(false);
        let before = clock.ticks();
        let polled = work.as_mut().poll(cx);
        *has_computed |= HAS_COMPUTED.get();
        if clock.ticks() != before {
            *is_long = true;
            deployed.habit.was_long();
        } else if polled.is_ready() && !*is_long {
            deployed.habit.was_short();
        }
        polled
    }
}

/// Gives this thread a third of the weight of others where the system knows priorities of threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(failure) = rustix::process::setpriority_process(None, NICE) {
        warn!("guests that compute have the priority of others, and may slow them down: {failure}");
    }
}

/// A weight of 335 beside 1024 (sched(7)): whoever serves is let in, and what is done here goes on if the core has no
/// time to spare. With 10 instead, clients of an app that writes much wait five times as long for the last of a hundred
/// answers.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guests_begin_in_the_background_when_ticks_fall_into_more_than_one_of_twenty() {
        let begins = |short: u32| {
            let habit = Habit::default();
            for _ in 0..1000 {
                habit.was_long();
                (0..short).for_each(|_| habit.was_short());
            }
            habit.is_to_compute()
        };
        assert!(begins(18));
        assert!(!begins(20));
    }

    #[test]
    fn guests_that_are_short_again_are_soon_in_the_foreground() {
        let habit = Habit::default();
        (0..1000).for_each(|_| habit.was_long());
        (0..MAX_HABIT / 2).for_each(|_| habit.was_short());
        assert!(habit.is_to_compute());
        habit.was_short();
        assert!(!habit.is_to_compute());
    }
}
