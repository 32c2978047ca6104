//! A task that waits leaves its waker in a slot; whoever has what it waits for wakes it there.

use std::task::Waker;

/// Wakes the task that waits in the slot, if one does.
pub(crate) fn wake(slot: &mut Option<Waker>) {
    if let Some(waker) = slot.take() {
        waker.wake();
    }
}
