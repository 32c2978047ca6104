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

    /// A connection is closed before anything else was read of it, because its PROXY header was refused.
    fn proxy_header_refused(&self, connection: &Connection, fault: ProxyFault) {
        let _ = (connection, fault);
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

/// Why a PROXY header was refused, and its connection closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProxyFault {
    /// The peer of the socket is not one that may tell for whom it connects.
    #[error("the peer of the connection is not a trusted proxy")]
    PeerUntrusted,
    /// The connection begins with something else.
    #[error("the connection began without a PROXY header, which this endpoint requires")]
    HeaderMissing,
    /// It begins as a header and is none, or ended before it was whole.
    #[error("the PROXY header is malformed or incomplete")]
    HeaderMalformed,
    /// It is larger than the server reads.
    #[error("the PROXY header is too large")]
    HeaderTooLarge,
    /// It took longer than [`crate::Limits::request_head_timeout`].
    #[error("the PROXY header came too slowly")]
    HeaderTooSlow,
}

impl ProxyFault {
    /// A name that never changes, for the labels of metrics and for whoever searches a log.
    pub fn code(self) -> &'static str {
        match self {
            Self::PeerUntrusted => "proxy_peer_untrusted",
            Self::HeaderMissing => "proxy_header_missing",
            Self::HeaderMalformed => "proxy_header_malformed",
            Self::HeaderTooLarge => "proxy_header_too_large",
            Self::HeaderTooSlow => "proxy_header_too_slow",
        }
    }
}
