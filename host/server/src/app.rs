//! One app as it is served: what is loaded now, and what took its place since a request began.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use windhover_sandbox::{Leave, Sandbox};

/// An app, whatever is loaded of it now.
pub(crate) struct App {
    pub(crate) name: Arc<str>,
    loaded: ArcSwapOption<Loaded>,
}

/// A component that was loaded for an app.
pub(crate) struct Loaded {
    pub(crate) sandbox: Sandbox,
    /// Names what was loaded, in the log and in metrics: the beginning of the component's hash.
    pub(crate) version: Arc<str>,
}

impl App {
    pub(crate) fn new(name: &str, loaded: Option<Arc<Loaded>>) -> Self {
        Self { name: name.into(), loaded: ArcSwapOption::new(loaded) }
    }

    /// What is loaded. `None`: it could not be.
    pub(crate) fn loaded(&self) -> Option<Arc<Loaded>> {
        self.loaded.load_full()
    }

    /// Serves this from the next request on. Those under way end with what they began with, but for WebSockets, whose
    /// clients are told to come again.
    pub(crate) fn swap(&self, loaded: Arc<Loaded>) {
        if let Some(old) = self.loaded.swap(Some(loaded)) {
            old.sandbox.leave(Leave::Restart);
        }
    }

    /// Tells the clients of WebSockets that the server leaves.
    pub(crate) fn leave(&self) {
        if let Some(loaded) = self.loaded() {
            loaded.sandbox.leave(Leave::Away);
        }
    }
}
