//! Another protocol on the client's connection.

use http::HeaderValue;

use crate::Body;

/// A client asks to speak another protocol (ASP.NET Core: `IHttpUpgradeFeature`, `IHttpExtendedConnectFeature`).
///
/// An application accepts by a response with status 101, in every protocol: what HTTP/2 has in its place (200) is also
/// what an application answers that knows nothing of upgrades. In HTTP/1.1 an `upgrade` field names the protocol. What
/// the application sends is that response's body; what the client sends is `content`, which waits until the response is
/// on its way. Any other response declines; on HTTP/2, where a success would promise what is not there, the server turns
/// one into 501.
#[derive(Debug)]
pub struct Upgrade {
    /// How it is asked for, and so how it is accepted.
    pub kind: UpgradeKind,
    /// The protocols that the client offers, as it wrote them: the `upgrade` field, or `:protocol`.
    pub protocols: HeaderValue,
    /// What the client sends in the new protocol, until it closes its side.
    pub content: Body,
}

/// How a protocol is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpgradeKind {
    /// HTTP/1.1: the whole connection, by status 101 (RFC 9110 §7.8).
    Connection,
    /// HTTP/2: one stream, by an extended CONNECT (RFC 8441). On the wire it is accepted by 200.
    ExtendedConnect,
}

impl Upgrade {
    /// The protocols that the client offers, most wanted first.
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        let protocols = self.protocols.to_str().unwrap_or("");
        protocols.split(',').map(str::trim).filter(|protocol| !protocol.is_empty())
    }

    /// Whether the client offers this protocol. RFC 9110 §7.8: their names know no case.
    pub fn offers(&self, protocol: &str) -> bool {
        self.protocols().any(|offered| offered.eq_ignore_ascii_case(protocol))
    }
}
