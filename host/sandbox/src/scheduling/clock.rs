//! The clock that interrupts guests: one thread for all guests of an engine, which sleeps while none is at work.

#[cfg(target_os = "linux")]
mod slice;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use tracing::debug;
use wasmtime::EngineWeak;

/// Ticks while guests are at work. Dropped, it ends.
pub(crate) struct Clock {
    signs: Arc<Signs>,
    thread: Thread,
    began: Instant,
}

struct Signs {
    /// A guest was at work since the last tick.
    is_wanted: AtomicBool,
    /// Guests at work in the background.
    hurried: AtomicU32,
    is_asleep: AtomicBool,
    is_over: AtomicBool,
    ticks: AtomicU32,
}

impl Clock {
    /// Starts the thread that ticks for this engine.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let signs = Arc::new(Signs::new());
        let thread = {
            let signs = Arc::clone(&signs);
            thread::Builder::new().name("windhover-tick".to_owned()).spawn(move || {
                hasten();
                signs.tick(&engine);
            })?
        };
        Ok(Self { signs, thread: thread.thread().clone(), began: Instant::now() })
    }

    /// To be told before each step of a guest. It costs a look at a flag, unless the clock has just ticked or sleeps.
    pub(crate) fn wind(&self) {
        if !self.signs.is_wanted.load(Ordering::Relaxed) {
            self.signs.is_wanted.store(true, Ordering::SeqCst);
            if self.signs.is_asleep.load(Ordering::SeqCst) {
                self.thread.unpark();
            }
        }
    }

    /// Interrupts guests also between two ticks, at each beat, until what this returns is dropped.
    pub(crate) fn hurry(&self) -> Hurry<'_> {
        self.signs.hurried.fetch_add(1, Ordering::Relaxed);
        Hurry(&self.signs.hurried)
    }

    /// How often it has ticked, up to the range of the number: to see whether it did meanwhile.
    pub(crate) fn ticks(&self) -> u32 {
        self.signs.ticks.load(Ordering::Relaxed)
    }

    /// How long it has been there.
    pub(crate) fn now(&self) -> Duration {
        self.began.elapsed()
    }
}

/// A guest is at work in the background.
pub(crate) struct Hurry<'a>(&'a AtomicU32);

impl Drop for Hurry<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.signs.is_over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Signs {
    fn new() -> Self {
        Self {
            is_wanted: AtomicBool::new(false),
            hurried: AtomicU32::new(0),
            is_asleep: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            ticks: AtomicU32::new(0),
        }
    }

    fn tick(&self, engine: &EngineWeak) {
        let (mut unwanted, mut left, mut haste) = (0, 0, 0_u32);
        while !self.is_over.load(Ordering::SeqCst)
            && let Some(engine) = engine.upgrade()
        {
            if left == 0 {
                left = BEATS;
                self.ticks.fetch_add(1, Ordering::Relaxed);
                unwanted = if self.is_wanted.swap(false, Ordering::SeqCst) { 0 } else { unwanted + 1 };
            }
            engine.increment_epoch(); // after the tick, which a guest looks for when it is interrupted
            drop(engine);
            if unwanted < PATIENCE {
                // Guests come and go there: it does not slow down for the moment between two of them.
                haste = if self.hurried.load(Ordering::Relaxed) > 0 { BEATS } else { haste.saturating_sub(1) };
                let beats = if haste > 0 { 1 } else { left };
                left -= beats;
                thread::sleep(BEAT * beats);
                continue;
            }
            // Who winds the clock says so first and looks then, and here it is the other way round: one of both sees.
            self.is_asleep.store(true, Ordering::SeqCst);
            if !self.is_wanted.load(Ordering::SeqCst) && !self.is_over.load(Ordering::SeqCst) {
                thread::park();
            }
            self.is_asleep.store(false, Ordering::SeqCst);
            unwanted = 0;
        }
    }
}

/// Lets this thread in at once when it wakes up, where the system can be told: a guest that computes would keep it waiting
/// with all others, and so never hear that they wait.
fn hasten() {
    #[cfg(target_os = "linux")]
    if let Err(failure) = slice::shorten() {
        debug!("guests that compute may slow down others: no short slice for the clock: {failure}");
    }
}

/// How long a guest may compute before others on its core get a turn.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// How long a guest may compute in the background while a thread that serves waits for the same core.
pub(crate) const BEAT: Duration = Duration::from_micros(500);

const BEATS: u32 = (TICK.as_micros() / BEAT.as_micros()) as u32;

/// Ticks that nobody wanted, after which it sleeps. More than one, because a guest that is at work says so only when it
/// is interrupted.
const PATIENCE: u32 = 50;

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
    fn a_guest_is_interrupted_also_after_a_long_rest() {
        let engine = interruptible();
        let clock = Clock::start(engine.weak()).expect("there is a thread");
        for _ in 0..2 {
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(1);
            clock.wind();
            let trapped = spin(&mut store);
            assert_eq!(trapped.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
            while !clock.signs.is_asleep.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn a_guest_is_interrupted_between_two_ticks_only_while_one_is_in_the_background() {
        let engine = interruptible();
        let clock = Arc::new(Clock::start(engine.weak()).expect("there is a thread"));
        let between = |hurry: Option<Hurry<'_>>| {
            let mut store = wasmtime::Store::new(&engine, (0, 0));
            store.set_epoch_deadline(1);
            let watch = Arc::clone(&clock);
            let mut seen = None;
            store.epoch_deadline_callback(move |mut store| {
                watch.wind();
                let (interrupts, between) = store.data_mut();
                *interrupts += 1;
                *between += u32::from(seen.replace(watch.ticks()) == Some(watch.ticks()));
                if *interrupts == 20 { wasmtime::bail!("enough") } else { Ok(wasmtime::UpdateDeadline::Continue(1)) }
            });
            clock.wind();
            spin(&mut store);
            drop(hurry);
            store.data().1
        };
        assert!(between(Some(clock.hurry())) > 1);
        for _ in 0..BEATS {
            // What is left of its haste.
            let ticks = clock.ticks();
            while clock.ticks() == ticks {
                clock.wind();
                thread::yield_now();
            }
        }
        // One, if it looks at the clock after a tick and right before that interrupts it.
        assert!(between(None) <= 1);
    }

    #[test]
    fn it_ends_with_its_owner() {
        let engine = wasmtime::Engine::default();
        let clock = Clock::start(engine.weak()).expect("there is a thread");
        let signs = Arc::clone(&clock.signs);
        drop(clock);
        while Arc::strong_count(&signs) > 1 {
            thread::yield_now();
        }
    }
}
