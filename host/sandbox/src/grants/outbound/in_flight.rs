//! Limits the requests of one exchange that are in flight: so many at once, and a bounded queue before them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::settings::OutboundLimits;
use crate::scheduling::queue::QueueSlot;

/// The requests of one exchange that are in flight.
pub(super) struct InFlight {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl InFlight {
    pub(super) fn new(max: usize) -> Self {
        Self { permits: Arc::new(Semaphore::new(max)), waiting: AtomicUsize::new(0) }
    }

    /// Waits until another request may be sent, first come, first served. `None`: too many wait, or it took too long. A
    /// guest that keeps all of its responses and waits for one more waits for itself, so the wait must end.
    pub(super) async fn acquire(&self, limits: &OutboundLimits) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Some(permit);
        }
        let _slot = QueueSlot::take(&self.waiting, limits.max_queue)?;
        timeout(limits.queue_timeout, Arc::clone(&self.permits).acquire_owned()).await.ok()?.ok()
    }
}
