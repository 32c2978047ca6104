//! What a program asks of the server and tells it while it serves.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};
use windhover_contract::{ConnectionCounts, EndpointsChanged, ServerAddresses, ServerHandle};

use crate::connection_limit::ConnectionLimit;
use crate::drain::ShutdownAnnouncer;
use crate::endpoint::{BindError, EndpointConfig};

/// The handle of an [`crate::HttpServer`].
#[derive(Clone, Debug)]
pub struct HttpHandle {
    changes: mpsc::Sender<Change>,
    addresses: watch::Receiver<Arc<ServerAddresses>>,
    connections: Arc<ConnectionLimit>,
    announcer: ShutdownAnnouncer,
}

/// A change of the endpoints, whose result somebody waits for.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) endpoints: Vec<EndpointConfig>,
    pub(crate) done: oneshot::Sender<Result<EndpointsChanged, BindError>>,
}

impl HttpHandle {
    /// And what comes of it to the server.
    pub(crate) fn new(
        addresses: watch::Receiver<Arc<ServerAddresses>>,
        connections: Arc<ConnectionLimit>,
        announcer: ShutdownAnnouncer,
    ) -> (Self, mpsc::Receiver<Change>) {
        let (changes, receiver) = mpsc::channel(1);
        (Self { changes, addresses, connections, announcer }, receiver)
    }
}

impl ServerHandle for HttpHandle {
    type Endpoint = EndpointConfig;
    type Error = BindError;

    fn addresses(&self) -> Arc<ServerAddresses> {
        Arc::clone(&self.addresses.borrow())
    }

    fn connections(&self) -> ConnectionCounts {
        ConnectionCounts { open: self.connections.open(), upgraded: self.connections.upgraded() }
    }

    /// [`BindError::Ended`] if the server does not serve any more.
    async fn change_endpoints(&self, endpoints: Vec<EndpointConfig>) -> Result<EndpointsChanged, BindError> {
        let (done, changed) = oneshot::channel();
        self.changes.send(Change { endpoints, done }).await.map_err(|_| BindError::Ended)?;
        changed.await.unwrap_or(Err(BindError::Ended))
    }

    fn announce_shutdown(&self) {
        self.announcer.announce();
    }
}
