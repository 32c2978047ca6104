//! What speaks HTTP.

use std::future::Future;
use std::io;
use std::sync::Arc;

use crate::{Application, Feature, Limit, ServerAddresses};

/// Speaks HTTP: accepts exchanges and hands each to an application.
///
/// A value of this type is bound already: how a server comes to its addresses (sockets, URL prefixes of a kernel
/// queue, a pipe in memory) is its own constructor's affair, so that a wrong address is an error before anything runs.
/// All else that a program asks of a server goes through this trait and [`ServerHandle`].
pub trait Server: Send + Sized + 'static {
    /// What a program keeps of a server while it serves.
    type Handle: ServerHandle;

    /// Whether exchanges can carry `feature`, on every server of this type. So a guest that needs more is refused when it
    /// is loaded, before a server is bound, and not at its first request. That an exchange has nothing to report (no TLS
    /// on a plain connection) is not the feature's absence.
    fn offers(feature: Feature) -> bool;

    /// Whether servers of this type enforce `limit`. A limit that is set although its server does not enforce it promises
    /// what is not kept, so whoever sets it has to hear of that.
    fn enforces(limit: Limit) -> bool;

    /// The server's handle. Clones are of the same server.
    fn handle(&self) -> Self::Handle;

    /// Serves until `shutdown` ends, then drains: accepts nothing new, answers what comes on idle connections within
    /// [`crate::Limits::drain_idle_grace`], lets exchanges in flight finish within [`crate::Limits::drain_timeout`], and
    /// aborts the rest. From then on every answer says that its connection closes.
    ///
    /// Never ends on an error of a client or of one connection. An error is the system's: it denied what serving needs
    /// (threads, a queue), or took it away. Dropping the future aborts everything at once.
    fn serve<A: Application>(
        self,
        application: Arc<A>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = io::Result<Drained>> + Send;
}

/// What a program asks of a server and tells it, also while it serves. It stays after the server has ended, and then
/// reports what was last.
pub trait ServerHandle: Clone + Send + Sync + 'static {
    /// Where to listen, as the server takes it.
    type Endpoint: Send + 'static;
    /// Why an endpoint cannot be served.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The addresses that are bound: after port 0 was replaced by the port that the system chose.
    fn addresses(&self) -> Arc<ServerAddresses>;

    /// How many connections there are.
    fn connections(&self) -> ConnectionCounts;

    /// Makes the server listen on these endpoints and on no other, from the time that this returns.
    ///
    /// An endpoint that is among the old ones goes on as it is; where only its certificate or its protocols are others,
    /// they hold for connections that come from now on. One that is not among the new ones is closed, and its connections
    /// are drained as when the server leaves: exchanges in flight finish within [`crate::Limits::drain_timeout`].
    ///
    /// An error is the first endpoint that cannot be bound; then all is as it was. Waits until the server serves, and is
    /// an error if it does not any more.
    fn change_endpoints(
        &self,
        endpoints: Vec<Self::Endpoint>,
    ) -> impl Future<Output = Result<EndpointsChanged, Self::Error>> + Send;

    /// Tells the server, while it serves as before, that it is about to be shut down. From then on its answers say that
    /// their connections close, so that clients go elsewhere. Again, or to a server that has ended, it changes nothing.
    fn announce_shutdown(&self);
}

/// How many connections a server has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectionCounts {
    /// Those that speak HTTP: bounded by [`crate::Limits::max_connections`].
    pub open: usize,
    /// Those that speak another protocol after an upgrade, and streams of HTTP/2 that do: bounded by
    /// [`crate::Limits::max_upgraded_connections`].
    pub upgraded: usize,
}

/// What has become of a server's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointsChanged {
    /// Addresses that are served now and were not before.
    pub opened: Vec<String>,
    /// Addresses that were served before and are not any more.
    pub closed: Vec<String>,
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every exchange finished.
    Clean,
    /// The drain timeout passed first.
    Forced {
        /// Connections that were closed with an exchange unfinished. Not counted are those whose answer had begun and
        /// had [`crate::Limits::drain_answer_timeout`] to end.
        abandoned: usize,
    },
}

impl Drained {
    /// The end that left `abandoned` connections unfinished.
    pub fn from_abandoned(abandoned: usize) -> Self {
        match abandoned {
            0 => Self::Clean,
            abandoned => Self::Forced { abandoned },
        }
    }
}
