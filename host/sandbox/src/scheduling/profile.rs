//! Records where guests spend their time. A sample is taken when a tick interrupts a guest: at the next function entry
//! or loop iteration.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use wasmtime::{FrameInfo, WasmBacktrace};

/// Samples of an app's guests. Holds 100,000 samples, more than three minutes of work. Later samples are only counted.
pub struct Profile {
    began: Instant,
    seen: Mutex<Seen>,
}

/// Samples that were taken.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every function that was sampled, once.
    pub functions: Vec<Function>,
    /// In the order in which they were taken.
    pub samples: Vec<Sample>,
    /// Samples for which there was no room.
    pub lost: u64,
    /// By the module's name, and the function's number in it.
    known: HashMap<(String, u32), usize>,
}

/// A function of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in the component, or its number.
    pub name: String,
    /// File and line where it was first sampled, if the component has debug information.
    pub place: Option<(String, u32)>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Time since the profile was made.
    pub at: Duration,
    /// Indexes into [`Seen::functions`], the outermost function first.
    pub stack: Vec<usize>,
}

impl Profile {
    /// Time between two samples while a guest works.
    pub const INTERVAL: Duration = crate::scheduling::ticker::TICK;

    /// How long it has been recording.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// The samples so far.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Takes a sample of a guest.
    pub(crate) fn take(&self, backtrace: &WasmBacktrace) {
        let at = self.began.elapsed();
        let mut seen = self.lock();
        if seen.samples.len() >= MOST_SAMPLES {
            seen.lost += 1;
            return;
        }
        let stack = backtrace.frames().iter().rev().map(|frame| seen.function(frame)).collect();
        seen.samples.push(Sample { at, stack });
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self { began: Instant::now(), seen: Mutex::default() }
    }
}

impl Seen {
    fn function(&mut self, frame: &FrameInfo) -> usize {
        let module = frame.module().name().unwrap_or_default();
        let key = (module.to_owned(), frame.func_index());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let name = match frame.func_name() {
            Some(name) => name.chars().take(MOST_NAME).collect(),
            None if module.is_empty() => format!("function {}", frame.func_index()),
            None => format!("function {} of {module}", frame.func_index()),
        };
        let place = frame.symbols().iter().find_map(|symbol| {
            let file: String = symbol.file()?.chars().take(MOST_NAME).collect();
            Some((file, symbol.line()?))
        });
        self.functions.push(Function { name, place });
        self.known.insert(key, self.functions.len() - 1);
        self.functions.len() - 1
    }
}

const MOST_SAMPLES: usize = 100_000;

/// Guests choose their names.
const MOST_NAME: usize = 500;
