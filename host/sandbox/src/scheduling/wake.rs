//! Wakes a task that has left its waker in a slot.

use std::task::Waker;

/// Wakes the task that waits in the slot, if one does.
pub(crate) fn wake(slot: &mut Option<Waker>) {
    if let Some(waker) = slot.take() {
        waker.wake();
    }
}
