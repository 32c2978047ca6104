//! Who hears of what no application sees.

use std::time::Duration;

use http::Version;

use crate::{Connection, Fault};

/// Hears what a server does without an application: requests that it refuses by itself, handshakes. Called on the threads
/// that serve, so it must not wait. The empty methods hear nothing.
pub trait Observer: Send + Sync + 'static {
    /// A request was refused before any application saw it. What it asked for may not even have been a request.
    fn rejected(&self, fault: &Fault, connection: &Connection, version: Version) {
        let _ = (fault, connection, version);
    }

    /// A TLS handshake has ended. `failure`: why it failed, in words.
    fn handshake(&self, took: Duration, failure: Option<&str>) {
        let _ = (took, failure);
    }
}
