//! The clock that interrupts guests: one thread for all guests of an engine, which sleeps while none is at work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::EngineWeak;

/// Ticks while guests are at work. Dropped, it ends.
pub(crate) struct Clock {
    signs: Arc<Signs>,
    thread: Thread,
}

#[derive(Default)]
struct Signs {
    /// A guest was at work since the last tick.
    is_wanted: AtomicBool,
    is_asleep: AtomicBool,
    is_over: AtomicBool,
    ticks: AtomicU32,
}

impl Clock {
    /// Starts the thread that ticks for this engine.
    pub(crate) fn start(engine: EngineWeak) -> std::io::Result<Self> {
        let signs = Arc::new(Signs::default());
        let thread = {
            let signs = Arc::clone(&signs);
            thread::Builder::new().name("windhover-tick".to_owned()).spawn(move || signs.tick(&engine))?
        };
        Ok(Self { signs, thread: thread.thread().clone() })
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

    /// How often it has ticked, up to the range of the number: to see whether it did meanwhile.
    pub(crate) fn ticks(&self) -> u32 {
        self.signs.ticks.load(Ordering::Relaxed)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.signs.is_over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Signs {
    fn tick(&self, engine: &EngineWeak) {
        let mut unwanted = 0;
        while !self.is_over.load(Ordering::SeqCst)
            && let Some(engine) = engine.upgrade()
        {
            engine.increment_epoch();
            self.ticks.fetch_add(1, Ordering::Relaxed);
            drop(engine);
            unwanted = if self.is_wanted.swap(false, Ordering::SeqCst) { 0 } else { unwanted + 1 };
            if unwanted < PATIENCE {
                thread::sleep(TICK);
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

/// How long a guest may compute before others on its core get a turn.
pub(crate) const TICK: Duration = Duration::from_millis(2);

/// Ticks that nobody wanted, after which it sleeps. More than one, because a guest that is at work says so only when it
/// is interrupted.
const PATIENCE: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_interrupted_also_after_a_long_rest() {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true);
        let engine = wasmtime::Engine::new(&config).expect("this machine can run guests");
        let clock = Clock::start(engine.weak()).expect("there is a thread");
        let spins = r#"(module (func (export "spin") (loop $on (br $on))))"#;
        let module = wasmtime::Module::new(&engine, spins).expect("it is a module");
        for _ in 0..2 {
            let mut store = wasmtime::Store::new(&engine, ());
            store.set_epoch_deadline(1);
            let instance = wasmtime::Instance::new(&mut store, &module, &[]).expect("it imports nothing");
            let spin = instance.get_typed_func::<(), ()>(&mut store, "spin").expect("it exports this");
            clock.wind();
            let trapped = spin.call(&mut store, ()).expect_err("it never returns");
            assert_eq!(trapped.downcast_ref(), Some(&wasmtime::Trap::Interrupt));
            while !clock.signs.is_asleep.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }
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
