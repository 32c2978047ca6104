//! The versions of HTTP that an endpoint speaks.

/// The versions of HTTP that an endpoint speaks. Over TLS the client chooses by ALPN. Without TLS the server tells them
/// apart by the client's first bytes, on one port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocols {
    /// HTTP/2 with clients that support it, else HTTP/1.1. Without TLS a client must know that the server speaks HTTP/2
    /// (RFC 9113 §3.3).
    #[default]
    Http1AndHttp2,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only. A client that speaks HTTP/1.x without TLS gets a 400.
    Http2,
}

impl Protocols {
    /// Their names in ALPN, the preferred first.
    pub(crate) fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&str] = match self {
            Self::Http1AndHttp2 => &["h2", "http/1.1", "http/1.0"],
            Self::Http1 => &["http/1.1", "http/1.0"],
            Self::Http2 => &["h2"],
        };
        names.iter().map(|name| name.as_bytes().to_vec()).collect()
    }
}
