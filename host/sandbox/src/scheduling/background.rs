//! Moves guests that compute to background threads with a lower priority, so that nothing else waits for them.
//!
//! A guest leaves the thread that serves connections after one or two ticks. If it only yielded there, the sockets and
//! all other answers would wait for a tick each time. From a background thread, the kernel takes the core at once when
//! a serving thread needs it. If the guests of an app often compute, they begin in the background. A guest returns when
//! it waits, and its app's guests have short steps again or one of them is due for a trial.

mod placement;

use std::cell::Cell;
use std::mem;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::scheduling::ticker::{FAST_TICK, TICK, Ticker};

use placement::{Placement, SHORT, Trial};

/// The background threads of a process. They start when the first guest needs them.
pub(crate) struct Background {
    threads: usize,
    runtime: OnceLock<Option<Runtime>>,
}

impl Background {
    /// Zero threads: guests yield where they are.
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads, runtime: OnceLock::new() }
    }

    /// Where to spawn. `None`: there are no background threads.
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
            .inspect_err(|failure| {
                warn!("cannot start threads for guests that compute, so they slow down others: {failure}")
            })
            .ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take().flatten() {
            runtime.shutdown_background(); // the last guest of a process may end on any thread
        }
    }
}

/// Called in a guest's step that has computed for long. The returned future waits until other tasks had a turn.
pub(crate) fn give_way() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    GIVES_WAY.set(true);
    // By tokio's yield: a plain one would be queued again at once, and the runtime polls its sockets and timers only
    // after a number of turns.
    Box::pin(tokio::task::yield_now())
}

/// Called in a guest's step at each fast tick. A background thread then yields its core. Otherwise a fair kernel
/// scheduler may run a guest for milliseconds while a serving thread waits, if that thread has recently run more.
pub(crate) fn let_others_in() {
    if IS_BACKGROUND.get() {
        thread::yield_now();
    }
}

/// Decides where the guests of one app run, and interrupts them.
pub(crate) struct Scheduler {
    pub(crate) ticker: Arc<Ticker>,
    placement: Placement,
    background: Arc<Background>,
}

impl Scheduler {
    pub(crate) fn new(ticker: &Arc<Ticker>, background: &Arc<Background>) -> Self {
        let (ticker, background) = (Arc::clone(ticker), Arc::clone(background));
        Self { ticker, placement: Placement::default(), background }
    }

    /// Records, in a guest's step, that it has trapped.
    pub(crate) fn has_trapped(&self) {
        if IS_BACKGROUND.get() {
            self.placement.has_trapped();
        } else {
            self.placement.has_trapped_in_front(self.ticker.now());
        }
    }
}

/// The CPU time of the guest, if a tick fell into the current step. A guest that has just waited is interrupted for
/// ticks that passed meanwhile, which are not its own work. To be called when the guest is interrupted.
///
/// A tick stands for the time since the tick before, but for no more than the CPU time of this thread since it was last
/// read: if others compute too, the thread waits for a core even within short steps.
pub(crate) fn found_at_work(ticker: &Ticker) -> Option<Duration> {
    if ticker.ticks() == BEGAN.get() {
        return None;
    }
    let before = LOOKED_AT.get();
    let now = cpu_time();
    if FOUND.get().is_none() {
        FOUND.set(Some(now));
    }
    Some(now.saturating_sub(before).min(TICK))
}

thread_local! {
    /// Whether this thread is a background thread.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };

    /// The ticks at the beginning of the current step on this thread.
    static BEGAN: Cell<u32> = const { Cell::new(0) };

    /// The CPU time of this thread when the ticker first found a guest at work in the current step.
    static FOUND: Cell<Option<Duration>> = const { Cell::new(None) };

    /// The CPU time of this thread when it was last read.
    static LOOKED_AT: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    /// The CPU time of this thread when it last yielded between two steps.
    static LAST_PAUSE: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    /// Whether the guest that was polled last on this thread yields.
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// A guest's work. It begins where it is polled, and moves to the background if it takes long. Dropping it ends it: at
/// once in the foreground, and when the guest waits or at its next tick in the background.
pub(crate) struct Work<T> {
    location: Location<T>,
    scheduler: Arc<Scheduler>,
}

enum Location<T> {
    Foreground(Steps<T>),
    InBackground(JoinHandle<Ended<T>>),
    /// Between the two.
    Moving,
}

impl<T: Send + 'static> Work<T> {
    pub(crate) fn new(scheduler: &Arc<Scheduler>, work: impl Future<Output = T> + Send + 'static) -> Self {
        let scheduler = Arc::clone(scheduler);
        let work = Box::pin(work);
        Self { location: Location::Foreground(Steps::new(work, &scheduler)), scheduler }
    }
}

impl<T: Send + 'static> Future for Work<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { location, scheduler } = &mut *self;
        loop {
            match location {
                Location::Foreground(steps) => {
                    let placement = &scheduler.placement;
                    let is_tried = placement.is_to_compute() && !steps.is_back;
                    steps.trial = is_tried.then(|| placement.tries(scheduler.ticker.now())).flatten();
                    let stays = steps.trial.is_some() || !is_tried;
                    let polled = if stays { Pin::new(&mut *steps).poll(cx) } else { Poll::Pending };
                    if polled.is_ready() || stays && !steps.has_computed {
                        return polled;
                    }
                    let Some(background) = scheduler.background.handle() else {
                        return if stays { polled } else { Pin::new(steps).poll(cx) };
                    };
                    if let Location::Foreground(steps) = mem::replace(location, Location::Moving) {
                        *location = Location::InBackground(background.spawn(InBackground(Some(steps))));
                    }
                }
                Location::InBackground(task) => match ready!(Pin::new(task).poll(cx)) {
                    Ok(Ended::Done(ended)) => return Poll::Ready(ended),
                    Ok(Ended::Back(steps)) => *location = Location::Foreground(steps),
                    Err(failure) => match failure.try_into_panic() {
                        Ok(panic) => resume_unwind(panic), // of a host call; it ends the exchange as it would in the foreground
                        Err(_) => unreachable!("the background is there as long as its engine"),
                    },
                },
                Location::Moving => unreachable!("it does not stay so"),
            }
        }
    }
}

impl<T> Drop for Work<T> {
    fn drop(&mut self) {
        if let Location::InBackground(task) = &self.location {
            task.abort();
        }
    }
}

/// How a stay in the background ended.
enum Ended<T> {
    Done(T),
    /// It waits, and goes on in the foreground.
    Back(Steps<T>),
}

/// Work in the background. `None`: it has ended.
struct InBackground<T>(Option<Steps<T>>);

impl<T> Future for InBackground<T> {
    type Output = Ended<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended<T>> {
        let Some(steps) = &mut self.0 else { unreachable!("it is not polled after its end") };
        if let Poll::Ready(ended) = Pin::new(&mut *steps).poll(cx) {
            return Poll::Ready(Ended::Done(ended));
        }
        let Some(steps) = self.0.take_if(|steps| steps.may_be_back()) else { return Poll::Pending };
        Poll::Ready(Ended::Back(steps.back()))
    }
}

/// The work itself, in either location.
struct Steps<T> {
    work: Pin<Box<dyn Future<Output = T> + Send>>,
    scheduler: Arc<Scheduler>,
    /// It has computed for more than a tick without a pause.
    has_computed: bool,
    /// It yielded at the end of its last step.
    gave_way: bool,
    /// Its next step shows whether guests of its app may return to the foreground.
    trial: Option<Trial>,
    /// It has just returned while it waits. Its next step only registers the waker, if it still waits.
    is_back: bool,
}

impl<T> Steps<T> {
    fn new(work: Pin<Box<dyn Future<Output = T> + Send>>, scheduler: &Arc<Scheduler>) -> Self {
        let scheduler = Arc::clone(scheduler);
        Self { work, scheduler, has_computed: false, gave_way: false, trial: None, is_back: false }
    }

    /// Whether it waits after a step in the background, and its next step may run in the foreground.
    fn may_be_back(&self) -> bool {
        let Scheduler { placement, ticker, .. } = &*self.scheduler;
        !GIVES_WAY.get() && (!placement.is_to_compute() || placement.is_due(ticker.now()))
    }

    fn back(self) -> Self {
        Self { is_back: true, ..Self::new(self.work, &self.scheduler) }
    }
}

impl<T> Future for Steps<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Self { work, scheduler, has_computed, gave_way, trial, is_back } = &mut *self;
        let (ticker, placement) = (&*scheduler.ticker, &scheduler.placement);
        ticker.start();
        BEGAN.set(ticker.ticks());
        FOUND.set(None);
        GIVES_WAY.set(false);
        if IS_BACKGROUND.get() {
            let _fast = ticker.start_fast();
            let time = cpu_time();
            if time.saturating_sub(LAST_PAUSE.get()) > FAST_TICK {
                LAST_PAUSE.set(time);
                let_others_in();
            }
            return work.as_mut().poll(cx);
        }
        let (trial, is_back) = (trial.take(), mem::take(is_back));
        // A guest that has yielded is interrupted at each tick, so its next step lasts from one tick to the next.
        let began = (trial.is_some() || is_back || *gave_way).then(cpu_time);
        let polled = work.as_mut().poll(cx);
        let since = |time: Duration| cpu_time().saturating_sub(time);
        // CPU time, because this thread itself may have waited for a core.
        *has_computed = GIVES_WAY.get() && began.or(FOUND.get()).is_some_and(|time| since(time) > TICK / 2);
        *gave_way = GIVES_WAY.get();
        match (trial, began) {
            (Some(trial), Some(began)) => placement.was_tried(trial, since(began), ticker.now()),
            (None, Some(began)) if is_back => placement.has_come_back(since(began), ticker.now()),
            _ if *has_computed => placement.has_computed(),
            // Half of the ticks that fall into a step just above the limit are missed.
            _ if FOUND.get().is_some_and(|time| since(time) > SHORT / 2) => placement.took(TICK * 2),
            _ => placement.was_short(),
        }
        polled
    }
}

/// The CPU time of this thread. Steps in the background last longer than that, because the thread yields. Systems
/// without such a clock use the elapsed time.
fn cpu_time() -> Duration {
    #[cfg(unix)]
    let now = {
        use rustix::time::{ClockId, clock_gettime};
        Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
    };
    #[cfg(not(unix))]
    let now = {
        use std::sync::LazyLock;
        use std::time::Instant;
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        BEGAN.elapsed()
    };
    LOOKED_AT.set(now);
    now
}

/// Lowers the weight of this thread to a third of the others', if the system has priorities of threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(failure) = rustix::process::setpriority_process(None, NICE) {
        warn!("cannot lower the priority of guests that compute, so they may slow down others: {failure}");
    }
}

/// A weight of 335 beside 1024 (sched(7)): serving threads run first, and background work goes on if the core has no
/// spare time. With nice 10, clients of an app that writes much wait five times as long for the last of a hundred
/// answers.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;
