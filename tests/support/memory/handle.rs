//! What a test asks of the server in memory and tells it while it serves.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::Instant;
use windhover_contract::{ConnectionCounts, EndpointsChanged, Limits, ServerAddresses, ServerHandle};

use super::MemoryClient;
use super::client::Arrived;
use super::clock::Clock;

/// Where clients connect to: the server's end of a [`MemoryClient`].
#[derive(Debug)]
pub struct MemoryEndpoint {
    pub(super) address: String,
    pub(super) accepted: mpsc::Receiver<Arrived>,
}

/// The handle of a [`super::MemoryServer`].
#[derive(Clone)]
pub struct MemoryHandle {
    pub(super) clock: Clock,
    pub(super) changes: mpsc::Sender<Change>,
    pub(super) addresses: watch::Receiver<Arc<ServerAddresses>>,
    pub(super) phase: Arc<watch::Sender<Phase>>,
    pub(super) room: Room,
}

/// A change of the endpoints that somebody waits for.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) endpoints: Vec<MemoryEndpoint>,
    pub(super) done: oneshot::Sender<EndpointsChanged>,
}

/// How far the server is on its way out.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Phase {
    /// Since when its answers say that their connections close. `None`: they do not.
    pub(super) closing_since: Option<Instant>,
    pub(super) is_draining: bool,
}

/// Room for connections.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) open: Arc<Semaphore>,
    pub(super) upgraded: Arc<Semaphore>,
    max: [usize; 2],
}

/// The server has ended.
#[derive(Debug)]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server does not serve any more")
    }
}

impl std::error::Error for Ended {}

impl MemoryEndpoint {
    /// An endpoint, and the way to it.
    pub fn new() -> (Self, MemoryClient) {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let (connections, accepted) = mpsc::channel(BACKLOG);
        let address = format!("memory:{}", MADE.fetch_add(1, Ordering::Relaxed));
        (Self { address, accepted }, MemoryClient::new(connections))
    }
}

impl Room {
    pub(super) fn new(limits: &Limits) -> Self {
        let max = [limits.max_connections, limits.max_upgraded_connections];
        let max = max.map(|max| max.map_or(Semaphore::MAX_PERMITS, usize::from));
        let [open, upgraded] = max.map(|max| Arc::new(Semaphore::new(max)));
        Self { open, upgraded, max }
    }
}

impl ServerHandle for MemoryHandle {
    type Endpoint = MemoryEndpoint;
    type Error = Ended;

    fn addresses(&self) -> Arc<ServerAddresses> {
        Arc::clone(&self.addresses.borrow())
    }

    fn connections(&self) -> ConnectionCounts {
        let Room { open, upgraded, max } = &self.room;
        ConnectionCounts { open: max[0] - open.available_permits(), upgraded: max[1] - upgraded.available_permits() }
    }

    async fn change_endpoints(&self, endpoints: Vec<MemoryEndpoint>) -> Result<EndpointsChanged, Ended> {
        let (done, changed) = oneshot::channel();
        self.changes.send(Change { endpoints, done }).await.map_err(|_| Ended)?;
        changed.await.map_err(|_| Ended)
    }

    fn announce_shutdown(&self) {
        self.phase.send_modify(|phase| {
            phase.closing_since.get_or_insert_with(|| self.clock.now());
        });
    }
}

/// Connections that wait to be accepted.
const BACKLOG: usize = 64;
