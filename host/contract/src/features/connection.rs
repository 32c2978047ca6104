//! The connection that an exchange came in on.

use std::net::SocketAddr;

/// The connection as seen on the socket (ASP.NET Core: `IHttpConnectionFeature`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Identifies the connection: unique in this process, the same for every exchange on it. Opaque; for logs.
    pub id: String,
    /// The other end. `None`: the transport has no addresses (a Unix socket, a pipe in memory).
    pub remote: Option<SocketAddr>,
    /// This end. `None` as above.
    pub local: Option<SocketAddr>,
}
