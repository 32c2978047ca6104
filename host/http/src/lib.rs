//! The HTTP server: Kestrel's seat. hyper over TCP.
//!
//! Promises: an address that cannot be served is an error at [`HttpServer::bind`], before anything runs; after that no
//! client, connection or failing accept ends the server, only its shutdown does.

mod census;
mod clock;
mod connection;
mod content;
mod date;
mod doze;
mod drain;
mod endpoint;
mod exchange;
mod http1;
mod http2;
#[cfg(feature = "in-memory")]
mod in_memory;
mod inherited;
mod listener;
mod outstanding;
mod patience;
mod protocols;
mod socket;
mod stream;
mod tls;
mod transport;
#[cfg(unix)]
mod unix;
mod worker;

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::task::JoinSet;
use windhover_contract::{Application, Drained, Feature, Limits, Observer, Server, ServerAddresses};

pub use clock::{Alarm, Clock, ClockHand};
pub use endpoint::{BindError, Endpoint, EndpointConfig};
#[cfg(feature = "in-memory")]
pub use in_memory::serve_in_memory;
pub use inherited::InheritedSocket;
pub use protocols::Protocols;
pub use tls::{
    CertificateSource, ClientCertificateMode, ClientCertificates, Looked, Password, Tls, TlsConfig, TlsError,
    TlsVersion, TlsWarning, facts,
};

use census::Census;
use connection::Door;
use listener::{Accepting, Listener};

/// What an [`HttpServer`] is made of.
#[derive(Clone)]
pub struct HttpConfig {
    /// Where to listen. At least one. Default: `http://127.0.0.1:8080`.
    pub endpoints: Vec<EndpointConfig>,
    /// Sockets that this process was given, for endpoints that name them. Default: none.
    pub inherited: Vec<InheritedSocket>,
    /// The limits of HTTP.
    pub limits: Limits,
    /// Threads that serve connections, each with a runtime of its own. Default: one per core.
    pub workers: NonZeroUsize,
    /// What all limits run by. Default: the system's time.
    pub clock: Clock,
    /// Who hears of what no application sees. Default and `None`: nobody.
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

/// A server whose sockets are bound and which has not begun to accept.
pub struct HttpServer {
    listeners: Vec<Arc<Listener>>,
    addresses: Arc<ServerAddresses>,
    limits: Limits,
    workers: NonZeroUsize,
    clock: Clock,
    observer: Option<Arc<dyn Observer>>,
    census: Arc<Census>,
}

/// How many connections a server has, also while it serves.
#[derive(Clone, Debug)]
pub struct ConnectionCount(Arc<Census>);

impl ConnectionCount {
    /// Those that speak HTTP.
    pub fn open(&self) -> usize {
        self.0.open()
    }

    /// Those that speak another protocol after an upgrade, and streams of HTTP/2 that do.
    pub fn upgraded(&self) -> usize {
        self.0.upgraded()
    }
}

impl HttpServer {
    /// Binds every URL, or none: the first that fails is the error, and what was bound before it is closed.
    pub fn bind(config: HttpConfig) -> Result<Self, BindError> {
        if config.endpoints.is_empty() {
            return Err(BindError::NoUrl);
        }
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for endpoint in config.endpoints {
            let address = endpoint.endpoint()?;
            let bound = address.bind(&endpoint, &config.inherited)?;
            let door = Arc::new(Door { tls: endpoint.tls, protocols: endpoint.protocols });
            for bound in bound {
                listeners.push(Arc::new(Listener {
                    socket: bound.socket,
                    door: Arc::clone(&door),
                    is_inherited: address.is_inherited(),
                    #[cfg(unix)]
                    _file: bound.file,
                }));
                addresses.push(bound.address);
            }
        }
        Ok(Self {
            listeners,
            addresses: Arc::new(addresses.into_iter().collect()),
            census: Arc::new(Census::new(&config.limits)),
            limits: config.limits,
            workers: config.workers,
            clock: config.clock,
            observer: config.observer,
        })
    }

    /// How many connections it has.
    pub fn connection_count(&self) -> ConnectionCount {
        ConnectionCount(Arc::clone(&self.census))
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
        let _following = follow(&self.listeners);
        let workers = worker::Workers::start(
            self.workers,
            application,
            self.addresses,
            limits,
            self.clock,
            self.observer,
            self.census,
        )?;
        let mut accepting = Accepting::start(&self.listeners, &workers);
        tokio::select! {
            () = shutdown => {}
            never = accepting.forever() => match never {},
        }
        // The listeners are closed by that: what still comes is refused by the system, at once.
        accepting.finish(self.listeners, &workers).await;
        Ok(Drained::from_abandoned(workers.drain().await))
    }
}

/// Looks after the certificates for as long as what this returns is there.
fn follow(listeners: &[Arc<Listener>]) -> JoinSet<Infallible> {
    let mut tls: Vec<&Arc<Tls>> = listeners.iter().filter_map(|listener| listener.door.tls.as_ref()).collect();
    tls.dedup_by(|one, other| Arc::ptr_eq(one, other));
    tls.into_iter().map(|tls| Arc::clone(tls).follow(Tls::LOOK_INTERVAL)).collect()
}
