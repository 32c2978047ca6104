//! The threads that serve connections. Each has a single-threaded runtime, so that a connection's reads, its guest and
//! its writes stay on one core and need no lock.
//!
//! A new connection goes to the worker with the fewest. Sockets that share a port by SO_REUSEPORT would save passing it
//! on, but spread connections by hash: a few long-lived ones can all get to one core, and a second process could take
//! the port without an error.
//!
//! A panic in a connection's task ends that connection. A panic outside of these tasks ends all connections of its
//! worker, which starts again with a new runtime. It gets no connections meanwhile; those that already wait for it are
//! served then.

use std::io;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tracing::{debug, error, warn};
use windhover_contract::{Application, Limits, Observer, ServerAddresses, ServerVariables};

use crate::clock::Clock;
use crate::connection::{Arrival, Connections};
use crate::connection_limit::{ConnectionLimit, Permit};
use crate::drain::{Drain, Draining};
use crate::ending::WorkerEnding;

/// All workers. Dropping it aborts every connection; [`Workers::drain`] lets them finish.
pub(crate) struct Workers {
    queues: Arc<[WorkerQueue]>,
    connection_limit: Arc<ConnectionLimit>,
    drain: Drain,
    clock: Clock,
    ends: Vec<oneshot::Receiver<usize>>,
}

/// The queue of a worker's new connections.
struct WorkerQueue {
    incoming: mpsc::Sender<Handed>,
    load: Load,
    /// Its thread has panicked, and has not started again yet.
    is_down: Arc<AtomicBool>,
}

/// How many connections a worker has, including those in its queue.
#[derive(Clone, Default)]
struct Load(Arc<AtomicUsize>);

/// One connection of a worker's load, until it is dropped.
struct Counted(Load);

/// A connection that was given to a worker.
struct Handed {
    arrival: Arrival,
    counted: Counted,
}

/// Passes connections to workers.
pub(crate) struct Dispatch {
    queues: Arc<[WorkerQueue]>,
    connection_limit: Arc<ConnectionLimit>,
}

impl Load {
    fn now(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) -> Counted {
        self.0.fetch_add(1, Ordering::Relaxed);
        Counted(self.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
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
        connection_limit: Arc<ConnectionLimit>,
        (drain, draining): (Drain, Draining),
    ) -> io::Result<Self> {
        let variables = Arc::new(ServerVariables::from_iter([("SERVER_SOFTWARE".to_owned(), SOFTWARE.to_owned())]));
        let drain_timeout = limits.drain_timeout;
        Self::start_with(
            count,
            connection_limit,
            clock.clone(),
            drain_timeout,
            (drain, draining),
            |draining, ending| {
                let connections = Connections {
                    application: Arc::clone(&application),
                    addresses: addresses.clone(),
                    variables: Arc::clone(&variables),
                    limits: Arc::clone(&limits),
                    clock: clock.clone(),
                    draining,
                    ending,
                    observer: observer.clone(),
                };
                move |arrival| connections.serve(arrival)
            },
        )
    }

    /// `serving` makes what serves the connections of one worker.
    fn start_with<S, F>(
        count: NonZeroUsize,
        connection_limit: Arc<ConnectionLimit>,
        clock: Clock,
        drain_timeout: Duration,
        (drain, draining): (Drain, Draining),
        serving: impl Fn(Draining, WorkerEnding) -> S,
    ) -> io::Result<Self>
    where
        S: Fn(Arrival) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let (mut queues, mut ends) = (Vec::new(), Vec::new());
        for number in 0..count.get() {
            let (incoming, accepted) = mpsc::channel(HAND_OVER_QUEUE);
            let (end, ended) = oneshot::channel();
            let is_down = Arc::new(AtomicBool::new(false));
            let ending = WorkerEnding::default();
            let worker = Worker {
                serve: serving(draining.clone(), ending.clone()),
                accepted,
                is_down: Arc::clone(&is_down),
                draining: draining.clone(),
                clock: clock.clone(),
                drain_timeout,
                end,
                ending,
            };
            queues.push(WorkerQueue { incoming, load: Load::default(), is_down });
            ends.push(ended);
            let runtime = runtime()?;
            thread::Builder::new().name(format!("windhover-{number}")).spawn(move || worker.work(runtime))?;
        }
        Ok(Self { queues: queues.into(), connection_limit, drain, clock, ends })
    }

    pub(crate) fn dispatch(&self) -> Dispatch {
        Dispatch { queues: Arc::clone(&self.queues), connection_limit: Arc::clone(&self.connection_limit) }
    }

    /// Lets exchanges under way finish, and ends. Returns how many connections were aborted.
    pub(crate) async fn drain(self) -> usize {
        self.drain.begin(Some(self.clock.now()));
        let mut aborted = 0;
        for end in self.ends {
            aborted += end.await.unwrap_or(0); // one that could not start again has no connections left
        }
        aborted
    }
}

impl Dispatch {
    /// A permit for one more connection, which is served or refused. `None`: there are too many even to refuse it.
    pub(crate) fn permit(&self) -> Option<Permit> {
        self.connection_limit.enter()
    }

    /// Gives the connection to the worker with the fewest, preferring workers whose threads run.
    pub(crate) async fn hand_over(&self, mut arrival: Arrival) {
        let rank = |queue: &&WorkerQueue| (queue.is_down.load(Ordering::Relaxed), queue.load.now());
        while let Some(queue) = self.queues.iter().filter(|queue| !queue.incoming.is_closed()).min_by_key(rank) {
            match queue.incoming.send(Handed { arrival, counted: queue.load.add() }).await {
                Ok(()) => return,
                Err(mpsc::error::SendError(lost)) => arrival = lost.arrival,
            }
        }
        debug!(remote = ?arrival.remote, "closed a connection that arrived after the workers had ended");
    }
}

/// One worker: serves connections until it must drain, or until [`Workers`] is dropped.
struct Worker<S> {
    serve: S,
    accepted: mpsc::Receiver<Handed>,
    is_down: Arc<AtomicBool>,
    draining: Draining,
    clock: Clock,
    drain_timeout: Duration,
    end: oneshot::Sender<usize>,
    ending: WorkerEnding,
}

impl<S, F> Worker<S>
where
    S: Fn(Arrival) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    /// The main function of its thread.
    fn work(mut self, mut runtime: Runtime) {
        loop {
            let worked = catch_unwind(AssertUnwindSafe(|| runtime.block_on(self.serve_all())));
            if let Ok(aborted) = worked {
                // Dropping the runtime drops every connection that is left, with its guest.
                self.ending.begin();
                drop(runtime);
                let _ = self.end.send(aborted);
                return;
            }
            self.is_down.store(true, Ordering::Relaxed);
            error!(
                "a thread that serves connections panicked and starts again, without its connections; this is a bug in \
                    Windhover"
            );
            // Does not wait for the blocking threads of the runtime.
            runtime.shutdown_background();
            let Some(new) = self.runtime_anew() else { return };
            runtime = new;
            self.is_down.store(false, Ordering::Relaxed);
        }
    }

    /// `None`: nobody wants it any more.
    fn runtime_anew(&self) -> Option<Runtime> {
        while !self.end.is_closed() {
            match runtime() {
                Ok(runtime) => return Some(runtime),
                Err(failure) => error!(%failure, "that thread cannot start again; trying again in {BACK_OFF:?}"),
            }
            thread::sleep(BACK_OFF);
        }
        None
    }

    /// Returns how many connections were aborted.
    async fn serve_all(&mut self) -> usize {
        let mut running = JoinSet::new();
        let spawn = |running: &mut JoinSet<()>, serve: &S, Handed { arrival, counted }: Handed| {
            let serving = serve(arrival);
            running.spawn(async move {
                let _counted = counted;
                serving.await;
            });
        };
        loop {
            tokio::select! {
                biased;
                () = self.draining.begun() => break,
                Some(ended) = running.join_next() => {
                    if let Err(panic) = ended {
                        warn!(%panic, "a connection's task panicked; this is a bug in Windhover");
                    }
                }
                Some(handed) = self.accepted.recv() => spawn(&mut running, &self.serve, handed),
            }
        }
        // Connections that were passed on at the last moment are served: their clients were accepted.
        self.accepted.close();
        while let Some(handed) = self.accepted.recv().await {
            spawn(&mut running, &self.serve, handed);
        }
        let all_ended = async { while running.join_next().await.is_some() {} };
        tokio::select! {
            _ = self.clock.timeout(self.drain_timeout, all_ended) => {}
            () = self.end.closed() => {} // nobody waits for us any more: the server's future was dropped
        }
        running.len()
    }
}

fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// The size of a worker's queue. When it is full, the system's own queue fills.
const HAND_OVER_QUEUE: usize = 64;

/// How long a worker waits that cannot start again: most likely there are no descriptors left.
const BACK_OFF: Duration = Duration::from_millis(200);

/// The name of this server.
const SOFTWARE: &str = concat!("Windhover/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use tokio::time::timeout;

    use super::*;
    use crate::connection::EndpointSettings;
    use crate::protocols::Protocols;
    use crate::transport::Arrived;

    /// Workers that report for each connection whether they have it, or panic outside of its task.
    fn workers(count: usize, panics_at: &'static [usize]) -> (Workers, mpsc::UnboundedReceiver<Option<Arrival>>) {
        let (sender, served) = mpsc::unbounded_channel();
        let seen = Arc::new(AtomicUsize::new(0));
        let count = NonZeroUsize::new(count).expect("a test has workers");
        let connection_limit = Arc::new(ConnectionLimit::new(&Limits::default()));
        let started = Workers::start_with(
            count,
            connection_limit,
            Clock::default(),
            Duration::from_secs(5),
            Drain::new(),
            |_, _| {
                let (sender, seen) = (sender.clone(), Arc::clone(&seen));
                move |arrival| {
                    let panics = panics_at.contains(&seen.fetch_add(1, Ordering::SeqCst));
                    if panics {
                        let _ = sender.send(None);
                    }
                    assert!(!panics, "a test's own");
                    let sender = sender.clone();
                    async move {
                        let _ = sender.send(Some(arrival));
                    }
                }
            },
        );
        (started.expect("there are threads"), served)
    }

    fn arrival(dispatch: &Dispatch, listener: &TcpListener) -> (TcpStream, Arrival) {
        let client = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let stream = Arrived::Tcp(listener.accept().expect("somebody has come").0);
        let permit = dispatch.permit().expect("there are few");
        let settings = Arc::new(EndpointSettings {
            name: None,
            tls: None,
            protocols: Protocols::default(),
            proxy_protocol: None,
            draining: Drain::new().1,
        });
        (client, Arrival { stream, remote: None, permit, settings })
    }

    #[tokio::test]
    async fn a_worker_whose_thread_panics_loses_one_connection_and_takes_others_again() {
        for count in [1, 2] {
            let (workers, mut served) = workers(count, &[0, 1, 5]);
            let (dispatch, listener) = (workers.dispatch(), TcpListener::bind("127.0.0.1:0").expect("a free port"));
            let mut lost = Vec::new();
            for number in 0..20 {
                let (_client, arrival) = arrival(&dispatch, &listener);
                dispatch.hand_over(arrival).await;
                let served = timeout(Duration::from_secs(30), served.recv()).await.expect("somebody takes it");
                if served.expect("there are workers").is_none() {
                    lost.push(number);
                }
            }
            assert_eq!(lost, [0, 1, 5]);
            let drained = timeout(Duration::from_secs(30), workers.drain()).await.expect("it ends");
            assert_eq!(drained, 0);
            assert!(dispatch.queues.iter().all(|queue| queue.load.now() == 0), "what is lost is not counted");
        }
    }

    #[tokio::test]
    async fn a_worker_that_is_down_gets_none_while_others_are_well() {
        let (workers, mut served) = workers(2, &[]);
        let (dispatch, listener) = (workers.dispatch(), TcpListener::bind("127.0.0.1:0").expect("a free port"));
        dispatch.queues[0].is_down.store(true, Ordering::Relaxed);
        let _others: Vec<_> = (0..10).map(|_| dispatch.queues[1].load.add()).collect();
        for _ in 0..3 {
            let (_client, arrival) = arrival(&dispatch, &listener);
            dispatch.hand_over(arrival).await;
            assert_eq!(dispatch.queues[0].load.now(), 0, "though it has the fewest");
            served.recv().await.expect("it is served");
        }
        workers.drain().await;
    }
}
