//! How far a start is, for whoever waits for it: a large app takes half a minute to compile.

use std::io::{IsTerminal, Write, stdout};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::info;

/// What is being loaded. Clones are of the same start.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Of all.
    apps: usize,
    begun: usize,
    /// `None`: nothing is being loaded.
    current: Option<Step>,
    /// The terminal's current line tells of it.
    is_shown: bool,
}

struct Step {
    what: String,
    since: Instant,
    /// When the log was told last.
    logged: Instant,
}

impl Progress {
    /// So many apps are to be loaded, one after the other.
    pub(crate) fn expect(&self, apps: usize) {
        let mut state = self.state();
        (state.apps, state.begun) = (apps, 0);
    }

    /// Begins with an app, and says so in the log.
    pub(crate) fn begin(&self, app: &str, what: &str) {
        let mut state = self.state();
        state.begun += 1;
        let (begun, apps) = (state.begun, state.apps);
        let what = match apps {
            2.. if begun <= apps => format!("{what} ({begun} of {apps})"),
            _ => what.to_owned(),
        };
        info!(%app, "loading {what}");
        let now = Instant::now();
        state.current = Some(Step { what, since: now, logged: now });
    }

    /// That app is loaded, or cannot be.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.current = None;
        if std::mem::take(&mut state.is_shown) {
            show("\r\x1b[2K"); // whatever is printed next begins in an empty line
        }
    }

    /// Tells how far it is: to be called every [`Progress::INTERVAL`]. A terminal sees a line that changes, the log hears
    /// of it now and then.
    pub(crate) fn tell(&self) {
        self.tell_at(Instant::now(), stdout().is_terminal());
    }

    fn tell_at(&self, now: Instant, is_terminal: bool) -> Option<String> {
        let mut state = self.state();
        let step = state.current.as_mut()?;
        let line = format!("loading {}, {} s so far", step.what, (now - step.since).as_secs());
        if is_terminal {
            show(&format!("\r\x1b[2K{line} "));
            state.is_shown = true;
        } else if now - step.logged >= LOG_INTERVAL {
            step.logged = now;
            info!("{line}");
        } else {
            return None;
        }
        Some(line)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }

    /// How often it is told.
    pub(crate) const INTERVAL: Duration = Duration::from_secs(1);
}

/// Nobody may be there to see it.
fn show(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// As often as whoever reads a log wants to know that it goes on.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_each_second_and_the_log_each_tenth_what_is_being_loaded() {
        let progress = Progress::default();
        progress.expect(2);
        let began = Instant::now();
        assert_eq!(progress.tell_at(began, true), None);
        progress.begin("a", "a.wasm");
        let after = |seconds| Instant::now() + Duration::from_secs(seconds);
        assert_eq!(progress.tell_at(after(1), false), None);
        assert_eq!(progress.tell_at(after(1), true).as_deref(), Some("loading a.wasm (1 of 2), 1 s so far"));
        assert_eq!(progress.tell_at(after(12), false).as_deref(), Some("loading a.wasm (1 of 2), 12 s so far"));
        assert_eq!(progress.tell_at(after(13), false), None);
        progress.end();
        assert_eq!(progress.tell_at(after(30), false), None);
        progress.begin("b", "b.wasm");
        assert_eq!(progress.tell_at(after(2), true).as_deref(), Some("loading b.wasm (2 of 2), 2 s so far"));
        progress.end();
        // Later, when an app has changed.
        progress.begin("a", "a.wasm");
        assert_eq!(progress.tell_at(after(1), true).as_deref(), Some("loading a.wasm, 1 s so far"));
    }
}
