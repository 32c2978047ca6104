//! The threads that serve connections: each has a single-threaded runtime, so that a connection's reads, its guest and
//! its writes stay on one core and meet no lock.
//!
//! A new connection goes to the worker with the fewest. Sockets that share a port by SO_REUSEPORT would save the
//! hand-over, but spread connections by hash: a few long-lived ones can all land on one core, and a second process
//! could take the port without an error.

use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::{debug, warn};
use windhover_contract::{Application, Limits, Observer, ServerAddresses, ServerVariables};

use crate::census::{Census, Place};
use crate::clock::Clock;
use crate::connection::{Arrival, Connections};
use crate::drain::{Drain, Draining};

/// All workers. Dropping it aborts every connection; [`Workers::drain`] lets them finish.
pub(crate) struct Workers {
    seats: Arc<[Seat]>,
    census: Arc<Census>,
    drain: Drain,
    clock: Clock,
    ends: Vec<oneshot::Receiver<usize>>,
}

/// Where a worker takes its connections from.
struct Seat {
    incoming: mpsc::Sender<Arrival>,
    load: Arc<AtomicUsize>,
}

/// Hands connections to workers.
pub(crate) struct Dispatch {
    seats: Arc<[Seat]>,
    census: Arc<Census>,
}

impl Workers {
    #[expect(clippy::too_many_arguments, reason = "all that a server is made of, once")]
    pub(crate) fn start<A: Application>(
        count: NonZeroUsize,
        application: Arc<A>,
        addresses: watch::Receiver<Arc<ServerAddresses>>,
        limits: Arc<Limits>,
        clock: Clock,
        observer: Option<Arc<dyn Observer>>,
        census: Arc<Census>,
        (drain, draining): (Drain, Draining),
    ) -> io::Result<Self> {
        let variables = Arc::new(ServerVariables::from_iter([("SERVER_SOFTWARE".to_owned(), SOFTWARE.to_owned())]));
        let (mut seats, mut ends) = (Vec::new(), Vec::new());
        for number in 0..count.get() {
            let (incoming, accepted) = mpsc::channel(HAND_OVER_QUEUE);
            let (end, ended) = oneshot::channel();
            let load = Arc::new(AtomicUsize::new(0));
            let connections = Connections {
                application: Arc::clone(&application),
                addresses: addresses.clone(),
                variables: Arc::clone(&variables),
                limits: Arc::clone(&limits),
                clock: clock.clone(),
                draining: draining.clone(),
                observer: observer.clone(),
            };
            seats.push(Seat { incoming, load: Arc::clone(&load) });
            ends.push(ended);
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            thread::Builder::new()
                .name(format!("windhover-{number}"))
                .spawn(move || work(runtime, connections, accepted, load, end))?;
        }
        Ok(Self { seats: seats.into(), census, drain, clock, ends })
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        Dispatch { seats: Arc::clone(&self.seats), census: Arc::clone(&self.census) }
    }

    /// Lets exchanges in flight finish and ends. Returns how many connections were aborted.
    pub(crate) async fn drain(self) -> usize {
        self.drain.begin(Some(self.clock.now()));
        let mut abandoned = 0;
        for end in self.ends {
            abandoned += end.await.unwrap_or(0); // a worker that panicked has no connections left
        }
        abandoned
    }
}

impl Dispatch {
    /// A place for one more connection, to be served or refused. `None`: there is none even for that.
    pub(crate) fn place(&self) -> Option<Place> {
        self.census.enter()
    }

    /// Gives the connection to the worker with the fewest.
    pub(crate) async fn hand_over(&self, arrival: Arrival) {
        let seat = self.seats.iter().min_by_key(|seat| seat.load.load(Ordering::Relaxed)).expect("at least one worker");
        seat.load.fetch_add(1, Ordering::Relaxed);
        if let Err(lost) = seat.incoming.send(arrival).await {
            seat.load.fetch_sub(1, Ordering::Relaxed);
            debug!(remote = ?lost.0.remote, "a connection came after the workers had ended");
        }
    }
}

/// The life of one worker: serves what comes until it is told to drain, or until [`Workers`] is dropped.
fn work<A: Application>(
    runtime: Runtime,
    connections: Connections<A>,
    mut accepted: mpsc::Receiver<Arrival>,
    load: Arc<AtomicUsize>,
    mut end: oneshot::Sender<usize>,
) {
    let abandoned = runtime.block_on(async {
        let mut running = JoinSet::new();
        let mut draining = connections.draining.clone();
        loop {
            tokio::select! {
                biased;
                () = draining.begun() => break,
                Some(ended) = running.join_next() => {
                    load.fetch_sub(1, Ordering::Relaxed);
                    if let Err(panic) = ended {
                        warn!(%panic, "a connection's task panicked; this is a bug in Windhover");
                    }
                }
                Some(arrival) = accepted.recv() => {
                    running.spawn(connections.serve(arrival));
                }
            }
        }
        // Connections that were handed over in the last moment are served: their clients were accepted.
        accepted.close();
        while let Some(arrival) = accepted.recv().await {
            running.spawn(connections.serve(arrival));
        }
        let all_ended = async { while running.join_next().await.is_some() {} };
        tokio::select! {
            _ = connections.clock.timeout(connections.limits.drain_timeout, all_ended) => {}
            () = end.closed() => {} // nobody waits for us any more: the server's future was dropped
        }
        running.len()
    });
    // Dropping the runtime drops every connection that is left, with its guest.
    drop(runtime);
    let _ = end.send(abandoned);
}

/// Connections that wait for a busy worker; beyond it the system's own backlog fills.
const HAND_OVER_QUEUE: usize = 64;

/// What this server calls itself.
const SOFTWARE: &str = concat!("Windhover/", env!("CARGO_PKG_VERSION"));
