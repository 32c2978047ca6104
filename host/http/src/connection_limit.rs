//! How many connections there are. One that has become something else by an upgrade is counted apart, because it may
//! last for hours; so is one too many, which is there only to be told so.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use windhover_contract::Limits;

/// The connections of a server.
#[derive(Debug)]
pub(crate) struct ConnectionLimit {
    open: Count,
    upgraded: Count,
    refused: Count,
}

/// A connection's place among the others, left by dropping it.
#[derive(Debug)]
pub(crate) struct Permit {
    connection_limit: Arc<ConnectionLimit>,
    /// Changes at most once, from the first kind to the second.
    kind: AtomicUsize,
}

/// A stream that was upgraded, on a connection that goes on; left by dropping it.
#[derive(Debug)]
pub(crate) struct UpgradedStream(Arc<ConnectionLimit>);

#[derive(Debug)]
struct Count {
    now: AtomicUsize,
    max: usize,
}

impl ConnectionLimit {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            open: Count::up_to(limits.max_connections),
            upgraded: Count::up_to(limits.max_upgraded_connections),
            refused: Count::up_to(Some(MAX_REFUSALS)),
        }
    }

    /// Takes one more in: to be served, or if there are as many as there may be, to be refused. `None`: there are too
    /// many even of those.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let kind = [OPEN, REFUSED].into_iter().find(|kind| self.count(*kind).enter())?;
        Some(Permit { connection_limit: Arc::clone(self), kind: AtomicUsize::new(kind) })
    }

    /// Connections that speak HTTP.
    pub(crate) fn open(&self) -> usize {
        self.open.now.load(Ordering::Relaxed)
    }

    /// Connections and streams that speak something else.
    pub(crate) fn upgraded(&self) -> usize {
        self.upgraded.now.load(Ordering::Relaxed)
    }

    fn count(&self, kind: usize) -> &Count {
        match kind {
            OPEN => &self.open,
            UPGRADED => &self.upgraded,
            _ => &self.refused,
        }
    }
}

impl Permit {
    /// Whether the connection is one too many.
    pub(crate) fn is_refused(&self) -> bool {
        self.kind.load(Ordering::Relaxed) == REFUSED
    }

    /// Counts the connection among the upgraded from now on. `false`: there are as many as there may be.
    pub(crate) fn upgrade(&self) -> bool {
        if self.is_refused() || !self.connection_limit.upgraded.enter() {
            return false;
        }
        self.kind.store(UPGRADED, Ordering::Relaxed);
        self.connection_limit.open.leave();
        true
    }

    /// Counts one stream of the connection among the upgraded. `None`: there are as many as there may be.
    pub(crate) fn upgrade_stream(&self) -> Option<UpgradedStream> {
        self.connection_limit.upgraded.enter().then(|| UpgradedStream(Arc::clone(&self.connection_limit)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.connection_limit.count(*self.kind.get_mut()).leave();
    }
}

impl Drop for UpgradedStream {
    fn drop(&mut self) {
        self.0.upgraded.leave();
    }
}

impl Count {
    /// `None`: any number.
    fn up_to(max: Option<NonZeroUsize>) -> Self {
        Self { now: AtomicUsize::new(0), max: max.map_or(usize::MAX, NonZeroUsize::get) }
    }

    fn enter(&self) -> bool {
        let one_more = |count| (count < self.max).then_some(count + 1);
        self.now.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

const OPEN: usize = 0;
const UPGRADED: usize = 1;
const REFUSED: usize = 2;

/// Refusals under way at once. Beyond that many, connections are closed without a word, so that refusing costs little.
const MAX_REFUSALS: NonZeroUsize = NonZeroUsize::new(64).expect("it is not 0");
