//! The HTTP server: HTTP/1.x with hyper and HTTP/2 with h2, over TCP, TLS and Unix sockets.
//!
//! Promises: an address that cannot be served is an error of [`HttpServer::bind`], before anything runs. After that no
//! client, no connection and no failing accept ends the server, only its shutdown does.

// Times that two threads read may be out of order, and a negative duration panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod catch_panic;
mod clock;
mod connection;
mod connection_limit;
mod content;
mod date;
mod drain;
mod ending;
mod endpoint;
mod endpoints;
mod exchange;
mod handle;
mod http1;
mod http2;
#[cfg(feature = "in-memory")]
mod in_memory;
mod inherited;
mod listener;
mod min_data_rate;
mod outstanding;
mod poll_on_wake;
mod protocols;
mod proxy_protocol;
mod socket;
mod stream;
mod tls;
mod transport;
#[cfg(unix)]
mod unix;
mod worker;

use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use windhover_contract::{Application, Drained, Feature, Limit, Limits, Observer, Server, ServerAddresses};

pub use clock::{Alarm, Clock, TestClock};
pub use endpoint::{BindError, Endpoint, EndpointConfig};
pub use handle::HttpHandle;
#[cfg(feature = "in-memory")]
pub use in_memory::serve_in_memory;
pub use inherited::InheritedSocket;
pub use protocols::Protocols;
pub use tls::{
    CertificateFacts, CertificateSource, ClientCertificateMode, ClientCertificates, Password, Tls, TlsConfig, TlsError,
    TlsFailure, TlsVersion, TlsWarning, facts,
};

use connection_limit::ConnectionLimit;
use drain::{Drain, Draining};
use endpoints::Endpoints;
use handle::Change;

/// The configuration of an [`HttpServer`].
#[derive(Clone)]
pub struct HttpConfig {
    /// Where to listen. At least one. Default: `http://127.0.0.1:8080`.
    pub endpoints: Vec<EndpointConfig>,
    /// Sockets that this process inherited, for endpoints that name them. Default: none.
    pub inherited: Vec<InheritedSocket>,
    /// The limits of HTTP.
    pub limits: Limits,
    /// How many threads serve connections, each with its own runtime. Default: one for each core.
    pub workers: NonZeroUsize,
    /// The clock of all limits. Default: the system's.
    pub clock: Clock,
    /// Learns of what no application sees. Default and `None`: no observer.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            endpoints: vec!["http://127.0.0.1:8080".into()],
            inherited: Vec::new(),
            limits: Limits::default(),
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            clock: Clock::default(),
            observer: None,
        }
    }
}

/// A server whose sockets are bound and which does not accept yet.
pub struct HttpServer {
    endpoints: Endpoints,
    addresses: watch::Sender<Arc<ServerAddresses>>,
    changes: mpsc::Receiver<Change>,
    handle: HttpHandle,
    limits: Limits,
    workers: NonZeroUsize,
    clock: Clock,
    observer: Option<Arc<dyn Observer>>,
    connection_limit: Arc<ConnectionLimit>,
    drain: (Drain, Draining),
}

impl HttpServer {
    /// Binds every URL, or none: the first failure is the error, and closes what was bound before it.
    pub fn bind(config: HttpConfig) -> Result<Self, BindError> {
        let endpoints = Endpoints::bind(config.endpoints, config.inherited)?;
        let (addresses, bound) = watch::channel(Arc::new(endpoints.addresses()));
        let connection_limit = Arc::new(ConnectionLimit::new(&config.limits));
        let drain = Drain::new();
        let announcer = drain.0.announcer(config.clock.clone());
        let (handle, changes) = HttpHandle::new(bound, Arc::clone(&connection_limit), announcer);
        Ok(Self {
            endpoints,
            addresses,
            changes,
            handle,
            limits: config.limits,
            workers: config.workers,
            clock: config.clock,
            observer: config.observer,
            connection_limit,
            drain,
        })
    }
}

impl Server for HttpServer {
    type Handle = HttpHandle;

    fn offers(feature: Feature) -> bool {
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

    /// All of them.
    fn enforces(_: Limit) -> bool {
        true
    }

    fn handle(&self) -> HttpHandle {
        self.handle.clone()
    }

    /// Must be polled inside a tokio runtime with I/O and time.
    async fn serve<A: Application>(
        self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Drained> {
        let Self { mut endpoints, mut changes, addresses, .. } = self;
        let workers = worker::Workers::start(
            self.workers,
            application,
            addresses.subscribe(),
            Arc::new(self.limits),
            self.clock,
            self.observer,
            self.connection_limit,
            self.drain,
        )?;
        endpoints.open(&workers);
        let mut _following = endpoints.follow();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                Some(Change { endpoints: configs, done }) = changes.recv() => {
                    let changed = endpoints.change(configs, &workers).await;
                    addresses.send_replace(Arc::new(endpoints.addresses()));
                    _following = endpoints.follow();
                    let _ = done.send(changed); // an error: nobody waits for the result
                }
            }
        }
        // From now on the system refuses connections at once.
        endpoints.close().await;
        Ok(Drained::from_abandoned(workers.drain().await))
    }
}
