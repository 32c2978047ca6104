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
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::Deployed;
use crate::clock::{BEAT, TICK};

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
            .on_thread_start(|| {
                IS_BACKGROUND.set(true);
                lower_priority();
            })
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

/// Whether an app's guests usually take more than [`SHORT`] at a stretch. A guest that does much in short steps, as one
/// that passes on large content, holds up nobody.
///
/// In the foreground the clock's ticks tell, which costs nothing: the longer a step, the more of them fall into it. In
/// the background time is measured, and an app is back in front when the steps of a guest are short all together, so that
/// one that computes for long now and then does not hide that behind many short steps.
#[derive(Default)]
pub(crate) struct Habit(AtomicU8);

impl Habit {
    /// Whether they are to begin in the background.
    fn is_to_compute(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= MAX_HABIT / 2
    }

    /// A step of one took so long.
    fn took(&self, time: Duration) {
        let more = u8::try_from(time.as_micros() / SHORT.as_micros()).unwrap_or(MAX_HABIT);
        let sum = |habit: u8| Some(habit.saturating_add(more).min(MAX_HABIT));
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
    }

    /// One computed for so long that it was moved: others begin there too, until they turn out to be short.
    fn has_computed(&self) {
        self.took(SHORT * u32::from(MAX_HABIT / 2));
    }

    /// One trapped. What is to be written about that takes longer than most guests do, and those of an app that traps
    /// often may take several short steps before.
    pub(crate) fn has_trapped(&self) {
        self.took(SHORT * 8);
    }

    /// One has made way for others.
    fn fades(&self) {
        if self.0.load(Ordering::Relaxed) > 0 {
            let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |habit| habit.checked_sub(1));
        }
    }
}

const MAX_HABIT: u8 = 240;

/// What a guest may take at once on a thread that serves.
const SHORT: Duration = Duration::from_micros(100);

/// Says, in a guest's step, that it has computed for long. What it returns waits until others have had their turn.
pub(crate) fn give_way() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    GIVES_WAY.set(true);
    // By tokio's own yield: a plain one would be back in the queue at once, and a runtime looks at its sockets and
    // timers only every so many turns.
    Box::pin(tokio::task::yield_now())
}

/// Says, in a guest's step, that the clock has beaten. In the background, whoever waits for this core has it then: a
/// kernel that shares it out fairly lets a guest go on for milliseconds while a thread that serves is waiting, if that has
/// had more of late.
pub(crate) fn let_others_in() {
    if IS_BACKGROUND.get() {
        thread::yield_now();
    }
}

thread_local! {
    /// Whether this thread is one of the background.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };

    /// What this thread had had of a processor when it let others in between two steps.
    static LAST_PAUSE: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    /// Whether the guest that was polled last on this thread gives way.
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
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
        let steps = Steps { work, deployed: Arc::clone(&deployed), has_computed: false, gave_way: false };
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
    /// It has computed for a tick and more, at a stretch.
    has_computed: bool,
    /// It gave way at the end of its last step.
    gave_way: bool,
}

impl<T> Future for Steps<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { work, deployed, has_computed, gave_way } = &mut *self;
        let (clock, habit) = (deployed.guest.clock(), &deployed.habit);
        clock.wind();
        GIVES_WAY.set(false);
        if IS_BACKGROUND.get() {
            let _hurry = clock.hurry();
            let before = processor_time();
            if before.saturating_sub(LAST_PAUSE.get()) > BEAT {
                LAST_PAUSE.set(before);
                let_others_in();
            }
            let polled = work.as_mut().poll(cx);
            let time = processor_time().saturating_sub(before);
            if time > SHORT * 2 {
                habit.took(time); // not what is long only because it is here, where caches are cold
            }
            if polled.is_ready() {
                habit.fades();
            }
            polled
        } else {
            let before = clock.ticks();
            let polled = work.as_mut().poll(cx);
            let ticks = clock.ticks().wrapping_sub(before);
            // A guest that has been at work for long gives way at each tick, and may have begun the step just before.
            *has_computed = GIVES_WAY.get() && (ticks > 1 || *gave_way);
            *gave_way = GIVES_WAY.get();
            if *has_computed {
                habit.has_computed();
            } else if ticks > 0 && clock.since_tick() > SHORT / 2 {
                habit.took(TICK * 2); // half of those that fall into a step that is just too long are not counted
            } else {
                habit.fades();
            }
            polled
        }
    }
}

/// What this thread has had of a processor: a step in the background lasts longer when others are let in. Where the
/// system is not asked, the time of day does.
fn processor_time() -> Duration {
    #[cfg(unix)]
    {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    }
    #[cfg(not(unix))]
    {
        use std::sync::LazyLock;
        use std::time::Instant;
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
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
    fn guests_begin_in_the_background_when_they_take_long_on_average() {
        let begins = |short: u32| {
            let habit = Habit::default();
            for _ in 0..1000 {
                habit.took(SHORT * 20);
                (0..short).for_each(|_| habit.fades());
            }
            habit.is_to_compute()
        };
        assert!(begins(19));
        assert!(!begins(21));
    }

    #[test]
    fn guests_begin_in_the_background_when_one_of_eight_steps_traps() {
        let begins = |well: u32| {
            let habit = Habit::default();
            for _ in 0..1000 {
                habit.has_trapped();
                (0..=well).for_each(|_| habit.fades());
            }
            habit.is_to_compute()
        };
        assert!(begins(6));
        assert!(!begins(8));
    }

    #[test]
    fn guests_that_are_short_again_are_soon_in_the_foreground() {
        let habit = Habit::default();
        (0..1000).for_each(|_| habit.took(TICK));
        (0..MAX_HABIT / 2).for_each(|_| habit.fades());
        assert!(habit.is_to_compute());
        habit.fades();
        assert!(!habit.is_to_compute());
    }
}
