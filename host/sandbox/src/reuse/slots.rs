//! The slots of instances that answer several exchanges at once. The pool assigns slots; the task of an instance
//! removes the instance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use wasmtime_wasi_http::p3::Request;
use windhover_contract::Fault;

use crate::wasi::p3::Call;

/// Tells an exchange that it has ended.
pub(super) type End = oneshot::Sender<Result<(), Fault>>;

/// A call that an exchange passes to an instance.
pub(super) struct Work {
    pub(super) call: Arc<Call>,
    pub(super) request: Box<Request>,
    pub(super) ended: End,
}

/// The slots of all instances of an app.
pub(super) struct Slots {
    max_requests: u32,
    max_concurrent: u32,
    /// Whether an instance without exchanges is dropped at once.
    is_never_idle: bool,
    instances: Mutex<Vec<InstanceSlots>>,
}

/// The slots of one instance.
struct InstanceSlots {
    id: u64,
    taken: u32,
    total: u32,
    /// `None`: it takes no more, and is dropped when it has nothing left to do.
    queue: Option<mpsc::UnboundedSender<Work>>,
    /// An exchange in it was given up, and the guest does not know.
    is_spoiled: bool,
    /// It computes at this moment, so an exchange on another core does better elsewhere.
    is_busy: Arc<AtomicBool>,
    task: AbortHandle,
}

/// A new instance, which begins with one exchange.
pub(super) struct NewInstance {
    pub(super) id: u64,
    pub(super) queue: mpsc::UnboundedSender<Work>,
    pub(super) is_busy: Arc<AtomicBool>,
    pub(super) task: AbortHandle,
}

impl Slots {
    pub(super) fn new(max_requests: u32, max_concurrent: u32, is_never_idle: bool) -> Self {
        Self { max_requests, max_concurrent, is_never_idle, instances: Mutex::default() }
    }

    /// Closes all queues. What is under way ends as it would.
    pub(super) fn close(&self) {
        for instance in self.lock().iter_mut() {
            instance.queue = None;
        }
    }

    /// Adds an instance that `start` starts, with the slot of its first exchange. The task of the instance waits until it
    /// is there.
    pub(super) fn add(&self, start: impl FnOnce() -> NewInstance) -> Slot<'_> {
        let mut instances = self.lock();
        let NewInstance { id, queue, is_busy, task } = start();
        let queue = (self.max_requests > 1).then_some(queue);
        instances.push(InstanceSlots { id, taken: 1, total: 1, queue, is_spoiled: false, is_busy, task });
        Slot { slots: self, id, is_left_well: false }
    }

    /// Takes a slot of an instance that has a free one: the fullest first, so that the others may become idle.
    pub(super) fn try_take(&self, mut work: Work) -> Result<Slot<'_>, Work> {
        let mut instances = self.lock();
        for instance in instances.iter_mut() {
            let has_room = instance.taken < self.max_concurrent && !instance.is_busy.load(Ordering::Relaxed);
            let Some(queue) = instance.queue.as_ref().filter(|_| has_room) else { continue };
            match queue.send(work) {
                Ok(()) => {
                    (instance.taken, instance.total) = (instance.taken + 1, instance.total + 1);
                    if instance.total >= self.max_requests {
                        instance.queue = None;
                    }
                    return Ok(Slot { slots: self, id: instance.id, is_left_well: false });
                }
                Err(mpsc::error::SendError(refused)) => work = refused, // its guest has just trapped
            }
        }
        Err(work)
    }

    /// Removes an instance, unless an exchange is in it. From then on it gets no exchanges.
    pub(super) fn remove_if_unused(&self, id: u64) -> bool {
        let mut instances = self.lock();
        let Some(at) = instances.iter().position(|instance| instance.id == id) else { return true };
        if instances[at].taken == 0 {
            instances.swap_remove(at);
            return true;
        }
        false
    }

    /// Gives an instance no more exchanges: its guest has failed.
    pub(super) fn shut(&self, id: u64) {
        if let Some(instance) = self.lock().iter_mut().find(|instance| instance.id == id) {
            instance.queue = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<InstanceSlots>> {
        self.instances.lock()
    }
}

/// A slot. Dropping it frees it.
pub(super) struct Slot<'a> {
    slots: &'a Slots,
    id: u64,
    /// `false`: the exchange was given up, by its client or at the end of its time.
    pub(super) is_left_well: bool,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut instances = self.slots.lock();
        let Some(at) = instances.iter().position(|instance| instance.id == self.id) else { return };
        let instance = &mut instances[at];
        instance.taken -= 1;
        if !self.is_left_well {
            (instance.queue, instance.is_spoiled) = (None, true);
        }
        if instance.taken == 0 && self.slots.is_never_idle {
            instance.queue = None;
        }
        if instance.taken > 0 || instance.queue.is_some() {
            return;
        }
        // Work for an exchange that was given up ends here. Work after an answer may finish.
        if instance.is_spoiled {
            instance.task.abort();
        }
        instances.swap_remove(at);
    }
}
