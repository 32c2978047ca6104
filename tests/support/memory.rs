//! A server in memory: HTTP/1.x over pipes, without sockets and without an HTTP library. It is written as a third party
//! would write a server, against `windhover_contract` alone but for the clock, and promises all that the contract asks.

mod client;
mod connection;
mod content;
mod framing;
mod head;
mod offer;
mod pipe;
mod powers;
mod response;
mod upgrade;

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use windhover_contract::{Application, Connection, Drained, Feature, Limits, Server, ServerAddresses, ServerVariables};
use windhover_http::Clock;

use client::Arrived;
pub use client::{MemoryClient, MemoryConnection};
pub use offer::Facts;
use offer::Offer;

/// A server whose clients come through a [`MemoryClient`].
pub struct MemoryServer {
    accepted: mpsc::Receiver<Arrived>,
    addresses: Arc<ServerAddresses>,
    limits: Arc<Limits>,
    variables: Arc<ServerVariables>,
    facts: Facts,
    clock: Clock,
}

impl MemoryServer {
    /// A server, and the way to it.
    pub fn bind(limits: Limits) -> (Self, MemoryClient) {
        static BOUND: AtomicU64 = AtomicU64::new(0);
        let address = format!("memory:{}", BOUND.fetch_add(1, Ordering::Relaxed));
        let (connections, accepted) = mpsc::channel(BACKLOG);
        let addresses = Arc::new(ServerAddresses::from_iter([address]));
        let variables = [("SERVER_SOFTWARE".to_owned(), "memory".to_owned())];
        let variables = Arc::new(ServerVariables::from_iter(variables));
        let (limits, facts, clock) = (Arc::new(limits), Facts::default(), Clock::default());
        let server = Self { accepted, addresses, limits, variables, facts, clock };
        (server, MemoryClient::new(connections))
    }

    /// The same server without a feature, for tests of what happens to a guest that needs it.
    pub fn without(self, feature: Feature) -> Self {
        self.with(|facts| facts.lacks = Some(feature))
    }

    /// The same server with other facts.
    pub fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(&mut self.facts);
        self
    }

    /// The same server with another clock.
    pub fn on(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// What the server knows about the exchanges of one more connection.
    fn offer(&self) -> Offer {
        static CONNECTIONS: AtomicU64 = AtomicU64::new(0);
        let id = format!("memory-{}", CONNECTIONS.fetch_add(1, Ordering::Relaxed));
        Offer {
            connection: Arc::new(Connection { id, remote: None, local: None }),
            addresses: Arc::clone(&self.addresses),
            variables: Arc::clone(&self.variables),
            facts: self.facts.clone(),
            exchanges: 0,
        }
    }
}

impl Server for MemoryServer {
    fn addresses(&self) -> &ServerAddresses {
        &self.addresses
    }

    fn offers(&self, feature: Feature) -> bool {
        self.facts.offers(feature)
    }

    /// Must be polled inside a tokio runtime with time.
    async fn serve<A: Application>(
        mut self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<Drained> {
        let (drain, draining) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        let room =
            |max: Option<NonZeroUsize>| Arc::new(Semaphore::new(max.map_or(Semaphore::MAX_PERMITS, NonZeroUsize::get)));
        let (open, upgraded) = (room(self.limits.max_connections), room(self.limits.max_upgraded_connections));
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(Arrived { pipe, gone }) = self.accepted.recv() => {
                    let Ok(place) = Arc::clone(&open).try_acquire_owned() else {
                        connections.spawn(connection::refuse(pipe, Arc::clone(&self.limits), self.clock.clone()));
                        continue;
                    };
                    let connection = connection::Connection {
                        place: Some(place),
                        upgraded: Arc::clone(&upgraded),
                        application: Arc::clone(&application),
                        offer: self.offer(),
                        limits: Arc::clone(&self.limits),
                        clock: self.clock.clone(),
                        draining: draining.clone(),
                    };
                    connections.spawn(connection.serve(pipe, gone));
                }
                Some(_) = connections.join_next() => {}
            }
        }
        drop(self.accepted); // from here on connecting is refused
        drain.send_replace(true);
        let all_ended = async { while connections.join_next().await.is_some() {} };
        let _ = self.clock.timeout(self.limits.drain_timeout, all_ended).await;
        Ok(Drained::from_abandoned(connections.len())) // and dropping them aborts them
    }
}

/// Connections that wait to be accepted.
const BACKLOG: usize = 64;
