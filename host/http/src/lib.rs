//! The HTTP server: Kestrel's seat. hyper over TCP.
//!
//! Promises: an address that cannot be served is an error at [`HttpServer::bind`], before anything runs; after that no
//! client, connection or failing accept ends the server, only its shutdown does.

mod census;
mod clock;
mod connection;
mod content;
mod date;
mod drain;
mod endpoint;
mod exchange;
mod http1;
mod http2;
mod listener;
mod socket;
mod stream;
mod tls;
mod worker;

use std::io;
use std::net::TcpListener;
use std::num::NonZeroUsize;
use std::sync::Arc;

use windhover_contract::{Application, Drained, Feature, Limits, Server, ServerAddresses};

pub use clock::{Clock, ClockHand};
pub use endpoint::{BindError, Endpoint};
pub use tls::{
    Alpn, CertificateSource, ClientCertificateMode, ClientCertificates, Looked, Password, Tls, TlsConfig, TlsError,
    TlsVersion, TlsWarning, facts,
};

/// What an [`HttpServer`] is made of.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where to listen, in the form that [`Endpoint`] documents. At least one.
    pub urls: Vec<String>,
    /// The limits of HTTP.
    pub limits: Limits,
    /// Threads that serve connections, each with a runtime of its own. Default: one per core.
    pub workers: NonZeroUsize,
    /// What all limits run by. Default: the system's time.
    pub clock: Clock,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            urls: vec!["http://127.0.0.1:8080".to_owned()],
            limits: Limits::default(),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            clock: Clock::default(),
        }
    }
}

/// A server whose sockets are bound and which has not begun to accept.
#[derive(Debug)]
pub struct HttpServer {
    listeners: Vec<TcpListener>,
    addresses: Arc<ServerAddresses>,
    limits: Limits,
    workers: NonZeroUsize,
    clock: Clock,
}

impl HttpServer {
    /// Binds every URL, or none: the first that fails is the error, and what was bound before it is closed.
    pub fn bind(config: HttpConfig) -> Result<Self, BindError> {
        if config.urls.is_empty() {
            return Err(BindError::NoUrl);
        }
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for url in &config.urls {
            for (listener, address) in url.parse::<Endpoint>()?.bind()? {
                listeners.push(listener);
                addresses.push(address);
            }
        }
        Ok(Self {
            listeners,
            addresses: Arc::new(addresses.into_iter().collect()),
            limits: config.limits,
            workers: config.workers,
            clock: config.clock,
        })
    }

    /// What [`Server::offers`] says, before there is a server to ask.
    pub fn can_offer(feature: Feature) -> bool {
        match feature {
            Feature::Authentication
            | Feature::Connection
            | Feature::Identifier
            | Feature::Informational
            | Feature::Lifetime
            | Feature::Limits
            | Feature::Reset
            | Feature::ServerAddresses
            | Feature::ServerVariables
            | Feature::Tls
            | Feature::Upgrade
            | Feature::WebSocket => true,
        }
    }
}

impl Server for HttpServer {
    fn addresses(&self) -> &ServerAddresses {
        &self.addresses
    }

    fn offers(&self, feature: Feature) -> bool {
        Self::can_offer(feature)
    }

    /// Must be polled inside a tokio runtime with I/O and time.
    async fn serve<A: Application>(
        self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let limits = Arc::new(self.limits);
        let workers = worker::Workers::start(self.workers, application, self.addresses, limits, self.clock)?;
        tokio::select! {
            () = shutdown => {}
            never = listener::accept_forever(self.listeners, &workers) => match never {},
        }
        // The listeners are closed here: what still comes is refused by the system, at once.
        Ok(Drained::from_abandoned(workers.drain().await))
    }
}
