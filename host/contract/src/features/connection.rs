//! The connection that an exchange came in on.

use std::net::SocketAddr;
use std::sync::Arc;

/// The connection of an exchange (ASP.NET Core: `IHttpConnectionFeature`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// Identifies the connection: unique in this process, the same for every exchange on it. Opaque; for logs.
    pub id: String,
    /// The name of the endpoint that accepted it, as its configuration has it. `None`: it has none.
    pub endpoint: Option<Arc<str>>,
    /// The ends of the socket.
    pub socket: Ends,
    /// The ends as a trusted proxy reports them. `None`: no proxy did. A server sets it where the proxy says so of the
    /// whole connection, before its first byte of HTTP (the PROXY protocol). Where a proxy says so of one exchange,
    /// whoever trusts the proxy sets it before an application sees the request.
    pub told: Option<Ends>,
    /// The trusted proxies that have passed the exchange on to the one at the socket, the nearest first. Empty: there is
    /// none, or only the one at the socket.
    pub earlier_proxies: Vec<SocketAddr>,
}

/// Both ends of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The client's. `None`: unknown, or the transport has no addresses (a Unix socket, a pipe in memory). Port 0: a proxy
    /// has told the address alone.
    pub remote: Option<SocketAddr>,
    /// The server's. `None` as above.
    pub local: Option<SocketAddr>,
}

impl Connection {
    /// A connection whose socket has these ends.
    pub fn new(id: String, socket: Ends) -> Self {
        Self { id, endpoint: None, socket, told: None, earlier_proxies: Vec::new() }
    }

    /// The client's address: as a trusted proxy reports it, else the socket's.
    pub fn remote(&self) -> Option<SocketAddr> {
        self.ends().remote
    }

    /// The address that the client connected to: as a trusted proxy reports it, else the socket's.
    pub fn local(&self) -> Option<SocketAddr> {
        self.ends().local
    }

    /// The trusted proxies that the exchange has passed, the nearest first: that at the socket, if it has told of the
    /// client, and those before it. `None` in it: a proxy without an address (a Unix socket).
    pub fn proxies(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        let nearest = self.told.is_some().then_some(self.socket.remote);
        nearest.into_iter().chain(self.earlier_proxies.iter().copied().map(Some))
    }

    fn ends(&self) -> &Ends {
        self.told.as_ref().unwrap_or(&self.socket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_the_sockets_until_a_proxy_reports_others() {
        let ends = |remote: &str| Ends { remote: remote.parse().ok(), local: None };
        let mut connection = Connection::new("1".to_owned(), ends("127.0.0.1:1"));
        assert_eq!(connection.remote(), connection.socket.remote);
        assert_eq!(connection.proxies().count(), 0);
        connection.told = Some(ends("192.0.2.1:2"));
        assert_eq!(connection.remote(), "192.0.2.1:2".parse().ok());
        assert_eq!(connection.socket, ends("127.0.0.1:1"));
        assert!(connection.proxies().eq([connection.socket.remote]));
    }
}
