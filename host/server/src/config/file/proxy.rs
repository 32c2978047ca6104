//! `[endpoints.NAME.proxy]`: the proxies in front of an endpoint.

use std::num::NonZeroU8;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The proxies in front of an endpoint, and what is believed of what they report.
///
/// A trusted proxy reports its client's address, the scheme, the host, the port and a path prefix. Apps, the log, metrics,
/// traces, `server.hosts` and routes then see the client and not the proxy. Each key takes effect for the next request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Proxy {
    /// Peers that are trusted proxies: addresses (`127.0.0.1`, `::1`), networks (`10.0.0.0/8`), and `unix` for every peer
    /// of a Unix socket. Absent: no peer is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<String>,
    /// The fields in which they report. A proxy must set or remove each field of this family, because what it passes on
    /// unread is believed too.
    pub headers: ForwardedFields,
    /// Most trusted proxies in a row: 1 to 255. Fields are read from the right, one hop at a time, and each next proxy
    /// must be trusted too.
    pub hops: NonZeroU8,
    /// The field in which the nearest proxy reports the client's certificate: `client-cert` (RFC 9440, with
    /// `Client-Cert-Chain`), or another name of a field with URL-encoded PEM, such as nginx's
    /// `$ssl_client_escaped_cert`. Absent: no proxy reports one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Whether each connection begins with a header of the PROXY protocol, version 1 or 2. Takes effect for new
    /// connections.
    pub protocol: ProxyProtocol,
    /// What becomes of `Forwarded`, `X-Forwarded-*`, `X-Real-IP` and `Client-Cert*` that no trusted proxy vouches for.
    pub untrusted: Untrusted,
}

impl Default for Proxy {
    fn default() -> Self {
        Self {
            trusted: Vec::new(),
            headers: ForwardedFields::default(),
            hops: NonZeroU8::MIN, // as Kestrel's ForwardLimit
            client_certificate: None,
            protocol: ProxyProtocol::default(),
            untrusted: Untrusted::default(),
        }
    }
}

/// The fields in which a proxy reports. Never both families: clients send what their proxy does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedFields {
    /// `X-Forwarded-For`, `-Proto`, `-Host`, `-Port` and `-Prefix`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// What becomes of fields that no trusted proxy vouches for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Untrusted {
    /// They are removed, because apps believe them.
    #[default]
    Remove,
    /// Apps get them, and decide for themselves.
    Pass,
}

/// Whether connections begin with a header of the PROXY protocol. The server never guesses: without a header a client
/// could choose its own address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyProtocol {
    /// No connection does. One that does gets a 400.
    #[default]
    Off,
    /// Each one does. Connections without a header, and those of peers that are not in `trusted`, are closed.
    Required,
}
