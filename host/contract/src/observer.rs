//! Who hears of what no application sees.

use std::time::Duration;

use http::Version;

use crate::{Connection, Fault};

/// Hears what a server does without an application: requests that it refuses by itself, handshakes, ends of connections.
/// Called on the threads that serve, so it must not wait. The default of each method does nothing.
pub trait Observer: Send + Sync + 'static {
    /// A request was refused before any application saw it. What came may not even have been a request.
    fn rejected(&self, connection: &Connection, fault: &Fault, version: Version) {
        let _ = (connection, fault, version);
    }

    /// A TLS handshake has ended, after this time. `failure`: why it failed, as text.
    fn handshake(&self, connection: &Connection, took: Duration, failure: Option<&str>) {
        let _ = (connection, took, failure);
    }

    /// A connection has ended, after this time.
    fn connection_ended(&self, connection: &Connection, lasted: Duration, end: ConnectionEnd<'_>) {
        let _ = (connection, lasted, end);
    }
}

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionEnd<'a> {
    /// Between two exchanges: the client has left, or has been silent for as long as it may, or the server leaves.
    Closed,
    /// Otherwise. Why, as text.
    Broken(&'a str),
    /// At once: there were as many as [`crate::Limits::max_connections`] allows.
    Refused,
}
