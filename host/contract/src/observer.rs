//! Who hears of what no application sees.

use std::net::SocketAddr;
use std::time::Duration;

use http::Version;

use crate::{Connection, Fault};

/// Hears what a server does without an application: requests that it refuses by itself, handshakes, ends of connections.
/// Called on the threads that serve, so it must not wait. The empty methods hear nothing.
pub trait Observer: Send + Sync + 'static {
    /// A request was refused before any application saw it. What it asked for may not even have been a request.
    fn rejected(&self, fault: &Fault, connection: &Connection, version: Version) {
        let _ = (fault, connection, version);
    }

    /// A TLS handshake has ended. `failure`: why it failed, in words. `remote`: with whom; `None`: it has no address.
    fn handshake(&self, took: Duration, failure: Option<&str>, remote: Option<SocketAddr>) {
        let _ = (took, failure, remote);
    }

    /// A connection has ended, after so long.
    fn connection_ended(&self, lasted: Duration, end: ConnectionEnd<'_>) {
        let _ = (lasted, end);
    }
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd<'a> {
    /// Between two exchanges: the client has left, or has been silent for as long as it may, or the server leaves.
    Closed,
    /// Otherwise. Why, in words.
    Broken(&'a str),
    /// At once: there were as many as [`crate::Limits::max_connections`] allows.
    Refused,
}
