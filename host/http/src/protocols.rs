//! The versions of HTTP that an endpoint speaks.

use std::ops::BitOr;

/// The versions of HTTP that an endpoint speaks: a set, which is never empty. Over TLS the client chooses by ALPN. Without
/// TLS the server tells them apart by the client's first bytes, on one port.
///
/// ```
/// # use windhover_http::Protocols;
/// let both = Protocols::HTTP1 | Protocols::HTTP2;
/// assert!(both.contains(Protocols::HTTP2));
/// assert_eq!(both, Protocols::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protocols(u8);

impl Protocols {
    /// HTTP/1.1, and HTTP/1.0 with clients that speak no other.
    pub const HTTP1: Self = Self(1);
    /// HTTP/2. Without TLS a client must know that the server speaks it (RFC 9113 §3.3). Where HTTP/1.1 is not spoken, a
    /// client that speaks that without TLS gets a 400.
    pub const HTTP2: Self = Self(2);

    /// Whether all of `others` are spoken.
    pub fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Their names in ALPN, the preferred first.
    pub(crate) fn alpn(self) -> Vec<Vec<u8>> {
        let names = [(Self::HTTP2, "h2"), (Self::HTTP1, "http/1.1"), (Self::HTTP1, "http/1.0")];
        let spoken = names.into_iter().filter(|(protocol, _)| self.contains(*protocol));
        spoken.map(|(_, name)| name.as_bytes().to_vec()).collect()
    }
}

impl BitOr for Protocols {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl Default for Protocols {
    /// All of them.
    fn default() -> Self {
        Self::HTTP1 | Self::HTTP2
    }
}
