//! Limits the number of connections. Upgraded connections are counted apart, because they may last for hours; so are
//! those over the limit, which only get a refusal.

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

/// The permit of one connection. Dropping it frees its place.
#[derive(Debug)]
pub(crate) struct Permit {
    connection_limit: Arc<ConnectionLimit>,
    /// Changes at most once, from open to upgraded.
    kind: AtomicUsize,
}

/// The permit of an upgraded stream, on a connection that goes on. Dropping it frees its place.
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

    /// A permit for one more connection: to serve it or, over the limit, to refuse it. `None`: too many are being
    /// refused already.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        let kind = [OPEN, REFUSED].into_iter().find(|kind| self.count(*kind).enter())?;
        Some(Permit { connection_limit: Arc::clone(self), kind: AtomicUsize::new(kind) })
    }

    /// Connections that speak HTTP.
    pub(crate) fn open(&self) -> usize {
        self.open.now.load(Ordering::Relaxed)
    }

    /// Connections and streams that speak another protocol.
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
    /// Whether the connection is over the limit.
    pub(crate) fn is_refused(&self) -> bool {
        self.kind.load(Ordering::Relaxed) == REFUSED
    }

    /// Counts the connection as upgraded from now on. `false`: the limit of upgraded connections is reached.
    pub(crate) fn upgrade(&self) -> bool {
        if self.is_refused() || !self.connection_limit.upgraded.enter() {
            return false;
        }
        self.kind.store(UPGRADED, Ordering::Relaxed);
        self.connection_limit.open.leave();
        true
    }

    /// Counts one stream of the connection as upgraded. `None`: the limit of upgraded connections is reached.
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

/// How many connections may get a refusal at once. More are closed without a response, so that refusing stays cheap.
const MAX_REFUSALS: NonZeroUsize = NonZeroUsize::new(64).expect("it is not 0");
