//! Interrupts guests at regular times: one thread for all guests of an engine, which sleeps while none is at work.

#[cfg(target_os = "linux")]
mod slice;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use tracing::debug;
use wasmtime::EngineWeak;

/// Ticks while guests are at work. Dropping it ends the thread.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Thread,
    began: Instant,
}

struct Shared {
    /// A guest was at work since the last tick.
    is_used: AtomicBool,
    /// Guests that run in the background.
    fast_users: AtomicU32,
    is_asleep: AtomicBool,
    is_over: AtomicBool,
    ticks: AtomicU32,
}

impl Ticker {
    /// Starts the thread that ticks for this engine.
    pub(crate) fn spawn(engine: EngineWeak) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new());
        let thread = {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name("windhover-tick".to_owned()).spawn(move || {
                shorten_slice();
                shared.tick(&engine);
            })?
        };
        Ok(Self { shared, thread: thread.thread().clone(), began: Instant::now() })
    }

    /// Ticks for a while, from before a step of a guest. Costs one load of a flag, unless the ticker has just ticked or
    /// sleeps. It stops by itself when nothing has started it for some ticks.
    pub(crate) fn start(&self) {
        if !self.shared.is_used.load(Ordering::Relaxed) {
            self.shared.is_used.store(true, Ordering::SeqCst);
            if self.shared.is_asleep.load(Ordering::SeqCst) {
                self.thread.unpark();
            }
        }
    }

    /// Interrupts guests at each fast tick too, until the guard is dropped.
    pub(crate) fn start_fast(&self) -> FastTicks<'_> {
        self.shared.fast_users.fetch_add(1, Ordering::Relaxed);
        FastTicks(&self.shared.fast_users)
    }

    /// How often it has ticked. The number wraps: compare it with an earlier one.
    pub(crate) fn ticks(&self) -> u32 {
        self.shared.ticks.load(Ordering::Relaxed)
    }

    /// Time since it was made.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// Keeps the ticker fast, because a guest runs in the background.
pub(crate) struct FastTicks<'a>(&'a AtomicU32);

impl Drop for FastTicks<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Shared {
    fn new() -> Self {
        Self {
            is_used: AtomicBool::new(false),
            fast_users: AtomicU32::new(0),
            is_asleep: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            ticks: AtomicU32::new(0),
        }
    }

    fn tick(&self, engine: &EngineWeak) {
        let (mut idle, mut left, mut fast_left) = (0, 0, 0_u32);
        while !self.is_over.load(Ordering::SeqCst)
            && let Some(engine) = engine.upgrade()
        {
            if left == 0 {
                left = FAST_TICKS;
                self.ticks.fetch_add(1, Ordering::Relaxed);
                idle = if self.is_used.swap(false, Ordering::SeqCst) { 0 } else { idle + 1 };
            }
            engine.increment_epoch(); // after the tick, which a guest looks for when it is interrupted
            drop(engine);
            if idle < IDLE_TICKS {
                // It stays fast for a tick, because there are short gaps between two guests.
                fast_left =
                    if self.fast_users.load(Ordering::Relaxed) > 0 { FAST_TICKS } else { fast_left.saturating_sub(1) };
                let steps = if fast_left > 0 { 1 } else { left };
                left -= steps;
                thread::sleep(FAST_TICK * steps);
                continue;
            }
            // `start` sets `is_used`, then reads `is_asleep`; here it is the other way round. So one of the two sees the other.
            self.is_asleep.store(true, Ordering::SeqCst);
            if !self.is_used.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
                thread::park();
            }
            self.is_asleep.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }
}

/// Asks the system to run this thread as soon as it wakes. Otherwise a guest that computes would keep it waiting with all
/// others, and would not be interrupted for them.
fn shorten_slice() {
    #[cfg(target_os = "linux")]
    if let Err(failure) = slice::shorten() {
        debug!("the ticker gets no short time slice, so guests that compute may slow down others: {failure}");
    }
}

/// How long a guest may compute before others on its core get a turn.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// How long a guest may compute in the background while a thread that serves waits for the same core.
pub(crate) const FAST_TICK: Duration = Duration::from_micros(500);

const FAST_TICKS: u32 = (TICK.as_micros() / FAST_TICK.as_micros()) as u32;

/// Ticks without a start, after which it sleeps. More than one, because a guest that computes starts it only when it is
/// interrupted.
const IDLE_TICKS: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn interruptible() -> wasmtime::Engine {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        wasmtime::Engine::new(&config).expect("this machine can run guests")
    }

    /// Computes in this store until it is interrupted, and how it was.
    fn spin<T: 'static>(store: &mut wasmtime::Store<T>) -> wasmtime::Error {
        let spins = r#"(module (func (export "spin") (loop $on (br $on))))"#;
        let module = wasmtime::Module::new(store.engine(), spins).expect("it is a module");
        let instance = wasmtime::Instance::new(&mut *store, &module, &[]).expect("it imports nothing");
        let spin = instance.get_typed_func::<(), ()>(&mut *store, "spin").expect("it exports this");
        spin.call(store, ()).expect_err("it never returns")
    }

    #[test]
    fn a_guest_is_interrupted_also_after_a_long_pause() {
        let engine = interruptible();
        let ticker = Ticker::spawn(engine.weak()).expect("there is a thread");
        for _ in 0..2 {
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(1);
            ticker.start();
            let trapped = spin(&mut store);
            assert_eq!(trapped.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
            while !ticker.shared.is_asleep.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn a_guest_is_interrupted_between_two_ticks_only_while_one_is_in_the_background() {
        let engine = interruptible();
        let ticker = Arc::new(Ticker::spawn(engine.weak()).expect("there is a thread"));
        let between = |fast: Option<FastTicks<'_>>| {
            let mut store = wasmtime::Store::new(&engine, (0, 0));
            store.set_epoch_deadline(1);
            let watch = Arc::clone(&ticker);
            let mut seen = None;
            store.epoch_deadline_callback(move |mut store| {
                watch.start();
                let (interrupts, between) = store.data_mut();
                *interrupts += 1;
                *between += u32::from(seen.replace(watch.ticks()) == Some(watch.ticks()));
                if *interrupts == 20 { wasmtime::bail!("enough") } else { Ok(wasmtime::UpdateDeadline::Continue(1)) }
            });
            ticker.start();
            spin(&mut store);
            drop(fast);
            store.data().1
        };
        assert!(between(Some(ticker.start_fast())) > 1);
        for _ in 0..FAST_TICKS {
            // What is left of the fast ticks.
            let ticks = ticker.ticks();
            while ticker.ticks() == ticks {
                ticker.start();
                thread::yield_now();
            }
        }
        // One, if it looks at the ticker after a tick and right before that interrupts it.
        assert!(between(None) <= 1);
    }

    #[test]
    fn it_ends_with_its_owner() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::spawn(engine.weak()).expect("there is a thread");
        let shared = Arc::clone(&ticker.shared);
        drop(ticker);
        while Arc::strong_count(&shared) > 1 {
            thread::yield_now();
        }
    }
}
