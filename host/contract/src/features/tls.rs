//! TLS as the server ended it.

use bytes::Bytes;

/// The TLS session of a connection (ASP.NET Core: `ITlsHandshakeFeature`, `ITlsConnectionFeature`): the client's, with the
/// server or with a trusted proxy that tells about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `TLSv1.2` or `TLSv1.3`. Empty: a proxy has ended TLS and does not say.
    pub protocol: String,
    /// The IANA name of the cipher suite, for example `TLS_AES_128_GCM_SHA256`. Empty: as for `protocol`.
    pub cipher_suite: String,
    /// What ALPN chose (RFC 7301). `None`: the client did not ask.
    pub alpn: Option<String>,
    /// The name that the client asked for (RFC 6066 §3), in lower case. `None`: it named none.
    pub server_name: Option<String>,
    /// The client's certificate and those it sent with it, as DER, its own first. Empty: none.
    pub client_certificates: Vec<Bytes>,
}

impl Tls {
    /// A session of which nothing is known: a proxy has ended it.
    pub fn unknown() -> Self {
        Self {
            protocol: String::new(),
            cipher_suite: String::new(),
            alpn: None,
            server_name: None,
            client_certificates: Vec::new(),
        }
    }

    /// Whether nothing is known of the session, except perhaps the client's certificates.
    pub fn is_unknown(&self) -> bool {
        self.protocol.is_empty() && self.cipher_suite.is_empty() && self.alpn.is_none() && self.server_name.is_none()
    }
}
