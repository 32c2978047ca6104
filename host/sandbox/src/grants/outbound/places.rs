//! The requests of one exchange that are under way: so many at once, and a bounded queue before them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::OutboundLimits;
use crate::scheduling::admission::Place;

/// Places for requests under way.
pub(super) struct Places {
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Places {
    pub(super) fn new(max: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(max)), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a place, first come, first served. `None`: too many wait, or it took too long. A guest that keeps all of
    /// its answers and waits for one more waits for itself, so there must be an end.
    pub(super) async fn take(&self, limits: &OutboundLimits) -> Option<OwnedSemaphorePermit> {
        if let Ok(place) = Arc::clone(&self.free).try_acquire_owned() {
            return Some(place);
        }
        let _place = Place::take(&self.waiting, limits.max_queue)?;
        timeout(limits.queue_timeout, Arc::clone(&self.free).acquire_owned()).await.ok()?.ok()
    }
}
