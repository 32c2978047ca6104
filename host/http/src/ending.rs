//! Why the server ends a connection with exchanges under way, so that their log records do not blame the client.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use windhover_contract::{Fault, HostFault};

/// Why the server ends a connection. Set before it does, because ending drops everything that reads it.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    own: OnceLock<Fault>,
    worker: WorkerEnding,
}

/// Whether a worker ends all of its connections, because their time to finish is over.
#[derive(Clone, Debug, Default)]
pub(crate) struct WorkerEnding(Arc<AtomicBool>);

impl WorkerEnding {
    pub(crate) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Ending {
    pub(crate) fn new(worker: WorkerEnding) -> Self {
        Self { own: OnceLock::new(), worker }
    }

    /// Sets the reason. The first reason stands.
    pub(crate) fn begin(&self, why: impl Into<Fault>) {
        let _ = self.own.set(why.into());
    }

    /// Why the server ends this one connection.
    pub(crate) fn own(&self) -> Option<Fault> {
        self.own.get().cloned()
    }

    /// Why the server ends this connection or all of them, if it does.
    pub(crate) fn fault(&self) -> Option<Fault> {
        let leaves = || self.worker.0.load(Ordering::Relaxed).then(|| HostFault::Leaving.into());
        self.own().or_else(leaves)
    }
}
