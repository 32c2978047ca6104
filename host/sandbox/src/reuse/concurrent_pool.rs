//! Instances that answer several exchanges at once, each with so many seats. An exchange takes a seat in one that has
//! room, or waits for a new one; it never waits longer than its own time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;
use windhover_contract::{Fault, HostFault};

use super::worker::{Work, Worker};
use crate::Deployed;
use crate::exchange::Exchange;
use crate::scheduling::background;
use crate::wasi::p3::Call;

/// The instances of a deployment, each of which serves several exchanges at once.
pub(crate) struct ConcurrentPool {
    max_requests: u32,
    max_concurrent: u32,
    pub(super) idle: Duration,
    /// Given back when a store is gone.
    places: Arc<Semaphore>,
    rows: Mutex<Vec<Row>>,
    next: AtomicU64,
}

/// The seats of one instance.
struct Row {
    id: u64,
    taken: u32,
    total: u32,
    /// `None`: it takes no more, and leaves when it has nothing left to do.
    queue: Option<mpsc::UnboundedSender<Work>>,
    /// An exchange in it was given up, and the guest does not know.
    is_spoiled: bool,
    /// It computes at this moment, so that an exchange on another core does better elsewhere.
    is_busy: Arc<AtomicBool>,
    task: AbortHandle,
}

impl ConcurrentPool {
    pub(super) fn new(max_requests: u32, max_concurrent: u32, idle: Duration, max_instances: usize) -> Self {
        Self {
            max_requests,
            max_concurrent,
            idle,
            places: Arc::new(Semaphore::new(max_instances)),
            rows: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    pub(super) async fn answer(&self, deployed: &Arc<Deployed>, mut exchange: Box<Exchange>) -> Result<(), Fault> {
        let (call, request) = Call::new(Arc::clone(&deployed.name), &mut exchange);
        let (ended, end) = oneshot::channel();
        let mut seat = self.sit(deployed, Work { call: Arc::new(call), request: Box::new(request), ended }).await;
        let ended = end.await.unwrap_or(Err(HostFault::Internal.into()));
        seat.is_left_well = true;
        // The guest failed after its client did; which of its exchanges it failed for, nobody knows.
        ended.map_err(|fault| exchange.content.fault().map_or(fault, Fault::from))
    }

    /// Closes all queues. What is under way ends as it would.
    pub(super) fn close(&self) {
        for row in self.rows().iter_mut() {
            row.queue = None;
        }
    }

    async fn sit(&self, deployed: &Arc<Deployed>, work: Work) -> Seat<'_> {
        let mut work = match self.try_sit(work) {
            Ok(seat) => return seat,
            Err(work) => work,
        };
        // There are at most as many exchanges as places, so one becomes free, if not at once, when an instance is gone
        // that nobody sits in any more.
        let place = Arc::clone(&self.places).acquire_owned().await.expect("it is never closed");
        work = match self.try_sit(work) {
            Ok(seat) => return seat, // meanwhile
            Err(work) => work,
        };
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (queue, works) = mpsc::unbounded_channel();
        let is_busy = Arc::new(AtomicBool::new(false));
        let mut rows = self.rows(); // held until the row is there: the worker looks for it
        let worker = Worker { deployed: Arc::clone(deployed), id, works, is_busy: Arc::clone(&is_busy) };
        let task = tokio::spawn(background::Work::new(deployed, async move {
            worker.work().await;
            drop(place);
        }));
        let _ = queue.send(work); // the worker has just been made, and takes it
        let queue = (self.max_requests > 1).then_some(queue);
        rows.push(Row { id, taken: 1, total: 1, queue, is_spoiled: false, is_busy, task: task.abort_handle() });
        Seat { seats: self, id, is_left_well: false }
    }

    /// Takes a seat in an instance that has room: the fullest first, so that the others may become idle.
    fn try_sit(&self, mut work: Work) -> Result<Seat<'_>, Work> {
        let mut rows = self.rows();
        for row in rows.iter_mut() {
            let has_room = row.taken < self.max_concurrent && !row.is_busy.load(Ordering::Relaxed);
            let Some(queue) = row.queue.as_ref().filter(|_| has_room) else { continue };
            match queue.send(work) {
                Ok(()) => {
                    (row.taken, row.total) = (row.taken + 1, row.total + 1);
                    if row.total >= self.max_requests {
                        row.queue = None;
                    }
                    return Ok(Seat { seats: self, id: row.id, is_left_well: false });
                }
                Err(mpsc::error::SendError(refused)) => work = refused, // its guest has just trapped
            }
        }
        Err(work)
    }

    /// Whether this instance may go: nobody sits in it, and from now on nobody will.
    pub(super) fn leave(&self, id: u64) -> bool {
        let mut rows = self.rows();
        let Some(at) = rows.iter().position(|row| row.id == id) else { return true };
        if rows[at].taken == 0 {
            rows.swap_remove(at);
            return true;
        }
        false
    }

    /// Lets nobody in any more: its guest has failed.
    pub(super) fn shut(&self, id: u64) {
        if let Some(row) = self.rows().iter_mut().find(|row| row.id == id) {
            row.queue = None;
        }
    }

    fn rows(&self) -> MutexGuard<'_, Vec<Row>> {
        self.rows.lock()
    }
}

/// A seat, left by dropping it.
struct Seat<'a> {
    seats: &'a ConcurrentPool,
    id: u64,
    /// `false`: the exchange was given up, by its client or at the end of its time.
    is_left_well: bool,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut rows = self.seats.rows();
        let Some(at) = rows.iter().position(|row| row.id == self.id) else { return };
        let row = &mut rows[at];
        row.taken -= 1;
        if !self.is_left_well {
            (row.queue, row.is_spoiled) = (None, true);
        }
        if row.taken == 0 && self.seats.idle.is_zero() {
            row.queue = None;
        }
        if row.taken > 0 || row.queue.is_some() {
            return;
        }
        // What the guest does for nobody ends here; what it does after its answers, it may finish.
        if row.is_spoiled {
            row.task.abort();
        }
        rows.swap_remove(at);
    }
}
