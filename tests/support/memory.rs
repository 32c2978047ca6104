//! A server in memory: HTTP/1.x over pipes, without sockets and without an HTTP library. It is written as a third party
//! would write a server, against `windhover_contract` alone, and promises all that the contract asks.

mod client;
mod clock;
mod connection;
mod content;
mod framing;
mod handle;
mod head;
mod offer;
mod pipe;
mod powers;
mod response;
mod upgrade;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use windhover_contract::{
    Application, Connection, Drained, EndpointsChanged, Ends, Feature, Limit, Limits, Server, ServerAddresses,
    ServerHandle, ServerVariables,
};

use client::Arrived;
pub use client::{MemoryClient, MemoryConnection};
use clock::Clock;
pub use clock::{Alarm, Time};
use handle::{Change, Phase, Room};
pub use handle::{MemoryEndpoint, MemoryHandle};
pub use offer::Facts;
use offer::Offer;

/// A server whose clients come through a [`MemoryClient`].
pub struct MemoryServer {
    endpoints: Vec<MemoryEndpoint>,
    addresses: watch::Sender<Arc<ServerAddresses>>,
    changes: mpsc::Receiver<Change>,
    handle: MemoryHandle,
    limits: Arc<Limits>,
    variables: Arc<ServerVariables>,
    facts: Facts,
}

impl MemoryServer {
    /// A server, and the way to it.
    pub fn bind(limits: Limits) -> (Self, MemoryClient) {
        let (endpoint, client) = MemoryEndpoint::new();
        let endpoints = vec![endpoint];
        let (addresses, bound) = watch::channel(addresses_of(&endpoints));
        let (sender, changes) = mpsc::channel(1);
        let phase = Arc::new(watch::channel(Phase::default()).0);
        let handle = MemoryHandle {
            clock: Clock::default(),
            changes: sender,
            addresses: bound,
            phase,
            room: Room::new(&limits),
        };
        let variables = [("SERVER_SOFTWARE".to_owned(), "memory".to_owned())];
        let variables = Arc::new(ServerVariables::from_iter(variables));
        let (limits, facts) = (Arc::new(limits), Facts::default());
        (Self { endpoints, addresses, changes, handle, limits, variables, facts }, client)
    }

    /// The same server with other facts.
    pub fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// The same server by another time.
    pub fn on(mut self, time: impl Time + 'static) -> Self {
        self.handle.clock = Clock::of(time);
        self
    }

    /// What the server knows about the exchanges of one more connection.
    fn offer(&self) -> Offer {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let id = format!("memory-{}", CONNECTIONS.fetch_add(1, Ordering::Relaxed));
        Offer {
            connection: Arc::new(Connection {
                endpoint: self.facts.endpoint.clone(),
                ..Connection::new(id, Ends::default())
            }),
            addresses: Arc::clone(&self.addresses.borrow()),
            variables: Arc::clone(&self.variables),
            facts: self.facts.clone(),
            exchanges: 0,
        }
    }

    /// Accepts on other endpoints from now on. Connections of those that go are not drained by themselves.
    fn change(&mut self, endpoints: Vec<MemoryEndpoint>) -> EndpointsChanged {
        let address = |endpoint: &MemoryEndpoint| endpoint.address.clone();
        let closed = self.endpoints.iter().map(address).collect();
        self.endpoints = endpoints;
        self.addresses.send_replace(addresses_of(&self.endpoints));
        EndpointsChanged { opened: self.endpoints.iter().map(address).collect(), closed }
    }
}

impl Server for MemoryServer {
    type Handle = MemoryHandle;

    fn offers(_: Feature) -> bool {
        true
    }

    /// It speaks HTTP/1.x only.
    fn enforces(limit: Limit) -> bool {
        !matches!(limit, Limit::Http2 | Limit::Tls)
    }

    fn handle(&self) -> MemoryHandle {
        self.handle.clone()
    }

    /// Must be polled inside a tokio runtime with time.
    async fn serve<A: Application>(
        mut self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<Drained> {
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let Room { open, upgraded, .. } = self.handle.room.clone();
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(Change { endpoints, done }) = self.changes.recv() => drop(done.send(self.change(endpoints))),
                Arrived { pipe, gone } = accept(&mut self.endpoints) => {
                    let Ok(permit) = Arc::clone(&open).try_acquire_owned() else {
                        connections.spawn(connection::refuse(pipe, Arc::clone(&self.limits), self.handle.clock.clone()));
                        continue;
                    };
                    let connection = connection::Connection {
                        permit: Some(permit),
                        upgraded: Arc::clone(&upgraded),
                        application: Arc::clone(&application),
                        offer: self.offer(),
                        limits: Arc::clone(&self.limits),
                        clock: self.handle.clock.clone(),
                        phase: self.handle.phase.subscribe(),
                    };
                    connections.spawn(connection.serve(pipe, gone));
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.endpoints); // from here on connecting is refused
        self.handle.announce_shutdown();
        self.handle.phase.send_modify(|phase| phase.is_draining = true);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        let _ = self.handle.clock.timeout(self.limits.drain_timeout, all_ended).await;
        Ok(Drained::from_abandoned(connections.len())) // and dropping them aborts them
    }
}

/// The next that connects to any of them.
async fn accept(endpoints: &mut [MemoryEndpoint]) -> Arrived {
    std::future::poll_fn(|cx| {
        let mut arrived = endpoints.iter_mut().map(|endpoint| endpoint.accepted.poll_recv(cx));
        arrived
            .find_map(|arrived| match arrived {
                Poll::Ready(Some(arrived)) => Some(Poll::Ready(arrived)),
                _ => None,
            })
            .unwrap_or(Poll::Pending)
    })
    .await
}

fn addresses_of(endpoints: &[MemoryEndpoint]) -> Arc<ServerAddresses> {
    Arc::new(endpoints.iter().map(|endpoint| endpoint.address.clone()).collect())
}
