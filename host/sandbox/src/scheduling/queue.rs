//! A bounded queue that counts only its length. What the tasks wait for keeps their order.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A slot in a queue. Dropping it leaves the queue, so a client that disconnects leaves it too.
pub(crate) struct QueueSlot<'a>(&'a AtomicUsize);

impl<'a> QueueSlot<'a> {
    /// Takes a slot in a queue of `waiting` tasks. `None`: there are `max` already.
    pub(crate) fn take(waiting: &'a AtomicUsize, max: usize) -> Option<Self> {
        let slot = QueueSlot(waiting); // dropped, it gives back what the next line takes
        if slot.0.fetch_add(1, Ordering::Relaxed) < max { Some(slot) } else { None }
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
