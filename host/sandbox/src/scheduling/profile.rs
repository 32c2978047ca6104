//! Records where guests spend their time. A sample is taken when a tick interrupts a guest: at the next function entry
//! or loop iteration.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use wasmtime::{FrameInfo, WasmBacktrace};

/// What was seen of a deployment's guests. Holds 100,000 looks, which is more than three minutes of work; later ones are
/// counted only.
pub struct Profile {
    began: Instant,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Every function that was seen, once.
    pub functions: Vec<Function>,
    /// In their order.
    pub samples: Vec<Sample>,
    /// Looks for which there was no room.
    pub lost: u64,
    /// By the module's name, and the function's number in it.
    known: HashMap<(String, u32), usize>,
}

/// A function of a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// As the component calls it; else its number.
    pub name: String,
    /// The file and line of the place in it that was seen first, where the component has debug information.
    pub place: Option<(String, u32)>,
}

/// One look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the profile was made.
    pub at: Duration,
    /// Numbers of [`Seen::functions`], the outermost first.
    pub stack: Vec<usize>,
}

impl Profile {
    /// The time between two looks, while a guest works.
    pub const INTERVAL: Duration = crate::scheduling::ticker::TICK;

    /// How long it has been recorded.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// What was seen until now.
    pub fn seen(&self) -> Seen {
        self.lock().clone()
    }

    /// Looks at a guest.
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
