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
            .inspect_err(|failure| {
                warn!("cannot start threads for guests that compute, so they slow down others: {failure}")
            })
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

/// Says, in a guest's step, that it has computed for long. What it returns waits until others have had their turn.
pub(crate) fn give_way() -> Pin<Box<dyn Future<Output = ()> + Send>> {
    GIVES_WAY.set(true);
    // By tokio's own yield: a plain one would be back in the queue at once, and a runtime looks at its sockets and
    // timers only every so many turns.
    Box::pin(tokio::task::yield_now())
}

/// Says, in a guest's step, that the ticker has beaten. In the background, whoever waits for this core has it then: a
/// kernel that shares it out fairly lets a guest go on for milliseconds while a thread that serves is waiting, if that has
/// had more of late.
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

    /// Says, in a guest's step, that it has trapped.
    pub(crate) fn has_trapped(&self) {
        if IS_BACKGROUND.get() {
            self.placement.has_trapped();
        } else {
            self.placement.has_trapped_in_front(self.ticker.now());
        }
    }
}

/// What the guest has had of a processor, if the ticker has ticked in the step that is under way: one that has just been
/// waiting is interrupted for what passed meanwhile, which is no work of its own. To be asked when it is interrupted.
///
/// A tick stands for all of the time since the one before, but for no more than this thread has had of a processor since
/// that was last looked at: where others compute, it waits in the middle of short steps too.
pub(crate) fn found_at_work(ticker: &Ticker) -> Option<Duration> {
    if ticker.ticks() == BEGAN.get() {
        return None;
    }
    let before = LOOKED_AT.get();
    let now = processor_time();
    if FOUND.get().is_none() {
        FOUND.set(Some(now));
    }
    Some(now.saturating_sub(before).min(TICK))
}

thread_local! {
    /// Whether this thread is one of the background.
    static IS_BACKGROUND: Cell<bool> = const { Cell::new(false) };

    /// What the ticker showed when the step began that is under way on this thread.
    static BEGAN: Cell<u32> = const { Cell::new(0) };

    /// What this thread had had of a processor when the ticker first found a guest at work in that step.
    static FOUND: Cell<Option<Duration>> = const { Cell::new(None) };

    /// What this thread had had of a processor when that was last looked at.
    static LOOKED_AT: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    /// What this thread had had of a processor when it let others in between two steps.
    static LAST_PAUSE: Cell<Duration> = const { Cell::new(Duration::ZERO) };

    /// Whether the guest that was polled last on this thread gives way.
    static GIVES_WAY: Cell<bool> = const { Cell::new(false) };
}

/// A guest's work: it begins where it is polled, and goes on in the background if it takes long. Dropping it ends it: at
/// once here, and there when the guest waits or at its next tick.
pub(crate) struct Work<T> {
    location: Location<T>,
    scheduler: Arc<Scheduler>,
}

enum Location<T> {
    Foreground(Steps<T>),
    InBackground(JoinHandle<Ended<T>>),
    /// On its way.
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
                        Ok(panic) => resume_unwind(panic), // a host call's, which ends the exchange as it would here
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
    /// It waits, and is to go on where it began.
    Back(Steps<T>),
}

/// Work in the background; `None`: it has ended.
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

/// The work itself, wherever it is done.
struct Steps<T> {
    work: Pin<Box<dyn Future<Output = T> + Send>>,
    scheduler: Arc<Scheduler>,
    /// It has computed for a tick and more, at a stretch.
    has_computed: bool,
    /// It gave way at the end of its last step.
    gave_way: bool,
    /// Its next step shows whether guests of its app may be here again.
    trial: Option<Trial>,
    /// It has just come back while it waited: its next step says whom to wake, and does no more if it still waits.
    is_back: bool,
}

impl<T> Steps<T> {
    fn new(work: Pin<Box<dyn Future<Output = T> + Send>>, scheduler: &Arc<Scheduler>) -> Self {
        let scheduler = Arc::clone(scheduler);
        Self { work, scheduler, has_computed: false, gave_way: false, trial: None, is_back: false }
    }

    /// Whether it waits, after a step in the background, and its next one may be in the foreground.
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
            let time = processor_time();
            if time.saturating_sub(LAST_PAUSE.get()) > FAST_TICK {
                LAST_PAUSE.set(time);
                let_others_in();
            }
            return work.as_mut().poll(cx);
        }
        let (trial, is_back) = (trial.take(), mem::take(is_back));
        // A guest that has given way is interrupted at each tick, and so goes on from one to the next in its next step.
        let began = (trial.is_some() || is_back || *gave_way).then(processor_time);
        let polled = work.as_mut().poll(cx);
        let since = |time: Duration| processor_time().saturating_sub(time);
        // Processor time, because this thread itself may have waited for a core.
        *has_computed = GIVES_WAY.get() && began.or(FOUND.get()).is_some_and(|time| since(time) > TICK / 2);
        *gave_way = GIVES_WAY.get();
        match (trial, began) {
            (Some(trial), Some(began)) => placement.was_tried(trial, since(began), ticker.now()),
            (None, Some(began)) if is_back => placement.has_come_back(since(began), ticker.now()),
            _ if *has_computed => placement.has_computed(),
            // Half of the ticks that fall into a step that is just too long are not counted.
            _ if FOUND.get().is_some_and(|time| since(time) > SHORT / 2) => placement.took(TICK * 2),
            _ => placement.was_short(),
        }
        polled
    }
}

/// What this thread has had of a processor: a step in the background lasts longer when others are let in. Where the
/// system is not asked, the time of day does.
fn processor_time() -> Duration {
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

/// Gives this thread a third of the weight of others where the system knows priorities of threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(failure) = rustix::process::setpriority_process(None, NICE) {
        warn!("cannot lower the priority of guests that compute, so they may slow down others: {failure}");
    }
}

/// A weight of 335 beside 1024 (sched(7)): whoever serves is let in, and what is done here goes on if the core has no
/// time to spare. With 10 instead, clients of an app that writes much wait five times as long for the last of a hundred
/// answers.
#[cfg(target_os = "linux")]
const NICE: i32 = 5;
