//! Limits the instances of all apps together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) struct InstanceLimit {
    max: usize,
    count: AtomicUsize,
}

/// The right to be one of them. Dropping it gives it back.
pub(crate) struct InstancePermit(Arc<InstanceLimit>);

impl InstanceLimit {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, count: AtomicUsize::new(0) }
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    /// `None`: there are as many as there may be.
    pub(crate) fn acquire(self: &Arc<Self>) -> Option<InstancePermit> {
        let one_more = |count: usize| (count < self.max).then_some(count + 1);
        self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok()?;
        Some(InstancePermit(Arc::clone(self)))
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_and_one_more_when_one_has_ended() {
        let limit = Arc::new(InstanceLimit::new(2));
        let held = [limit.acquire(), limit.acquire()];
        assert!(held.iter().all(Option::is_some) && limit.acquire().is_none());
        drop(held);
        assert!(limit.acquire().is_some());
    }
}
