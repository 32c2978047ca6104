//! `[endpoints.NAME]`: where to listen.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proxy::Proxy;

/// An address to listen on, with its protocols.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Endpoint {
    /// The address to listen on: `http://127.0.0.1:8080`, `https://[::1]`, `http://localhost` (both loopbacks),
    /// `http://*:80` (every address), `unix:/run/app.sock`, `unix:@name` (abstract), `systemd:name` (sockets of that
    /// FileDescriptorName that systemd holds). Port 0 is a free port.
    pub url: String,
    /// Versions of HTTP that the endpoint accepts.
    #[serde(default)]
    pub protocols: Protocols,
    /// TLS, for `https`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<EndpointTls>,
    /// The proxies in front of this endpoint, and what is believed of what they report. Absent: no proxy is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// Permissions of a Unix socket's file, as octal digits. Absent: `"0660"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// Owner of a Unix socket's file, by name or number. Absent: the server's user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Group of a Unix socket's file, by name or number, for example that of a proxy. Absent: the group of the server's
    /// user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whether another process of the same user may listen on the same address and port (SO_REUSEPORT).
    #[serde(default)]
    pub reuse_port: bool,
}

impl Endpoint {
    /// An endpoint at an address, with defaults for all else.
    pub fn at(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            protocols: Protocols::default(),
            tls: None,
            proxy: None,
            mode: None,
            owner: None,
            group: None,
            reuse_port: false,
        }
    }
}

/// Versions of HTTP that an endpoint accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Protocols {
    /// HTTP/1.1 and HTTP/2: over TLS by ALPN, in cleartext by the first bytes of the client.
    #[default]
    #[serde(rename = "http1+http2")]
    Http1AndHttp2,
    /// Only HTTP/1.1.
    #[serde(rename = "http1")]
    Http1,
    /// Only HTTP/2.
    #[serde(rename = "http2")]
    Http2,
}

/// TLS.
///
/// A certificate that cannot be used is an error in the log and does not affect the others, at the start and when its
/// files change. The version that was read before stays in use. If there is none, clients that ask for that certificate
/// are refused until its files are valid; the server reads them every five seconds. The server does not start if no
/// endpoint has a certificate to use. A running server keeps the old endpoint if no certificate of the new one is valid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EndpointTls {
    /// Certificate for all names that are not in `names`: PEM with its chain, or PKCS#12 (.p12, .pfx). Changes are read
    /// automatically. Absent: clients that ask for other names are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    /// Key of a PEM certificate. Absent: it is in the same file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// File with the password of a PKCS#12 certificate, read together with it. Absent: it has no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// Certificates by the server name that a client asks for: `www.example.org`, or `*.example.org` for all names
    /// below it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub names: BTreeMap<String, Certificate>,
    /// Oldest version of TLS: `"1.2"` or `"1.3"`.
    #[serde(default)]
    pub min_version: Version,
    /// Whether clients are asked for a certificate.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
    /// PEM file with the authorities that clients' certificates are checked against. Until it has been read once, every
    /// client is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Certificate {
    /// PEM with its chain, or PKCS#12 (.p12, .pfx).
    pub certificate: PathBuf,
    /// Key of a PEM certificate. Absent: it is in the same file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// File with the password of a PKCS#12 certificate, read together with it. Absent: it has no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Version {
    /// TLS 1.2.
    #[default]
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Whether clients are asked for a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClientCertificates {
    /// Clients are not asked.
    #[default]
    None,
    /// Clients may send one.
    Allow,
    /// Clients must send one.
    Require,
}
