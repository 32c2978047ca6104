//! Instances that answer several exchanges at once. An exchange takes a slot of an instance that has a free one, or waits
//! for a new instance; it never waits longer than its own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, oneshot};
use windhover_contract::{Fault, HostFault};

use super::instance::InstanceFactory;
use super::slots::{NewInstance, Slot, Slots, Work};
use super::worker::Worker;
use crate::exchange::Exchange;
use crate::scheduling::background;
use crate::wasi::p3::Call;

/// The instances of an app, each of which answers several exchanges at once.
pub(crate) struct ConcurrentPool {
    slots: Arc<Slots>,
    idle: Duration,
    /// A permit is given back when its store is gone.
    permits: Arc<Semaphore>,
    next: AtomicU64,
}

impl ConcurrentPool {
    pub(super) fn new(max_requests: u32, max_concurrent: u32, idle: Duration, max_instances: usize) -> Self {
        Self {
            slots: Arc::new(Slots::new(max_requests, max_concurrent, idle.is_zero())),
            idle,
            permits: Arc::new(Semaphore::new(max_instances)),
            next: AtomicU64::new(0),
        }
    }

    pub(super) async fn answer(
        &self,
        factory: &Arc<InstanceFactory>,
        mut exchange: Box<Exchange>,
    ) -> Result<(), Fault> {
        let (call, request) = Call::new(Arc::clone(&factory.app.name), &mut exchange);
        let (ended, end) = oneshot::channel();
        let mut slot = self.take(factory, Work { call: Arc::new(call), request: Box::new(request), ended }).await;
        let ended = end.await.unwrap_or(Err(HostFault::Internal.into()));
        slot.is_left_well = true;
        // The guest failed after its client did; which of its exchanges it failed for, nobody knows.
        ended.map_err(|fault| exchange.content.fault().map_or(fault, Fault::from))
    }

    /// Closes all queues. What is under way ends as it would.
    pub(super) fn close(&self) {
        self.slots.close();
    }

    async fn take(&self, factory: &Arc<InstanceFactory>, work: Work) -> Slot<'_> {
        let mut work = match self.slots.try_take(work) {
            Ok(slot) => return slot,
            Err(work) => work,
        };
        // There are at most as many exchanges as permits, so one becomes free, if not at once, then when an instance is
        // gone that has no exchanges any more.
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("it is never closed");
        work = match self.slots.try_take(work) {
            Ok(slot) => return slot, // meanwhile
            Err(work) => work,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (queue, works) = mpsc::unbounded_channel();
        let is_busy = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            factory: Arc::clone(factory),
            slots: Arc::clone(&self.slots),
            idle: self.idle,
            id,
            works,
            is_busy: Arc::clone(&is_busy),
        };
        self.slots.add(|| {
            let task = tokio::spawn(background::Work::new(&factory.app.scheduler, async move {
                worker.work().await;
                drop(permit);
            }));
            let _ = queue.send(work); // the worker has just been made, and takes it
            NewInstance { id, queue, is_busy, task: task.abort_handle() }
        })
    }
}
