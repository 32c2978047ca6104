//! How many connections there are. One that has become something else by an upgrade is counted apart, because it may
//! last for hours.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use windhover_contract::Limits;

/// The connections of a server.
#[derive(Debug)]
pub(crate) struct Census {
    open: AtomicUsize,
    upgraded: AtomicUsize,
    max_open: usize,
    max_upgraded: usize,
}

/// A connection's place among the others, left by dropping it.
#[derive(Debug)]
pub(crate) struct Place {
    census: Arc<Census>,
    is_upgraded: AtomicBool,
}

impl Census {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            open: AtomicUsize::new(0),
            upgraded: AtomicUsize::new(0),
            max_open: limits.max_connections.unwrap_or(usize::MAX),
            max_upgraded: limits.max_upgraded_connections.unwrap_or(usize::MAX),
        }
    }

    /// Takes one more in. `None`: there are as many as there may be.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Place> {
        enter(&self.open, self.max_open)
            .then(|| Place { census: Arc::clone(self), is_upgraded: AtomicBool::new(false) })
    }
}

impl Place {
    /// Counts the connection among the upgraded from now on. `false`: there are as many as there may be.
    pub(crate) fn upgrade(&self) -> bool {
        if !enter(&self.census.upgraded, self.census.max_upgraded) {
            return false;
        }
        self.is_upgraded.store(true, Ordering::Relaxed);
        self.census.open.fetch_sub(1, Ordering::Relaxed);
        true
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let count = if *self.is_upgraded.get_mut() { &self.census.upgraded } else { &self.census.open };
        count.fetch_sub(1, Ordering::Relaxed);
    }
}

fn enter(count: &AtomicUsize, max: usize) -> bool {
    let one_more = |count| (count < max).then_some(count + 1);
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok()
}
