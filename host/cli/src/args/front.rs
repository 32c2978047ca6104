//! `windhover front` as typed.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};

/// `windhover front`.
#[derive(Debug, Parser)]
pub struct Front {
    /// The proxy
    #[arg(value_name = "PROXY")]
    pub proxy: Proxy,

    /// The configuration file of Windhover
    #[arg(value_name = "FILE", default_value = "windhover.toml")]
    pub file: PathBuf,

    /// The endpoint that the proxy connects to, by its name in the file [default: the only one]
    #[arg(long, value_name = "NAME")]
    pub endpoint: Option<String>,

    /// Where the proxy reaches that endpoint: 10.0.0.5:8080 or unix:/run/app.sock [default: its url]
    #[arg(long, value_name = "ADDRESS")]
    pub upstream: Option<String>,

    /// The host that the proxy answers to; may be given more than once [default: server.hosts, or else the hosts of all
    /// routes]
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,

    /// Where the proxy listens: a port, or an address with a port
    #[arg(long, value_name = "ADDRESS", default_value = "443")]
    pub listen: Listen,

    /// The certificate of the proxy: PEM with its chain; for HAProxy with its key too [default: that of certbot; Caddy
    /// obtains its own]
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,

    /// The key of that certificate [default: it is in the same file]
    #[arg(long, value_name = "FILE", requires = "certificate")]
    pub key: Option<PathBuf>,

    /// The protocol between proxy and Windhover [default: http1, unless the endpoint speaks only HTTP/2]
    #[arg(long, value_name = "PROTOCOL")]
    pub protocol: Option<Protocol>,

    /// Pass connections on as they are, with the client's address in front of them; for an endpoint with TLS
    #[arg(long, value_name = "VERSION")]
    pub proxy_protocol: Option<ProxyProtocol>,

    /// Another proxy stands before this one: it ends TLS, and is trusted in what it says about the client
    #[arg(long)]
    pub inner: bool,
}

/// A reverse proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Proxy {
    /// nginx 1.22 or newer
    Nginx,
    /// Apache 2.4.58 or newer
    Apache,
    /// HAProxy 2.6 or newer
    Haproxy,
    /// Caddy 2.6 or newer
    Caddy,
}

/// A protocol between proxy and Windhover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Protocol {
    /// HTTP/1.1
    Http1,
    /// HTTP/2 without TLS
    H2c,
}

/// A version of the PROXY protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProxyProtocol {
    /// Version 1, a line of text
    V1,
    /// Version 2, binary
    V2,
}

/// Where a proxy listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    /// `None`: every address.
    pub address: Option<IpAddr>,
    /// The port.
    pub port: u16,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(port) = text.parse() {
            return Ok(Self { address: None, port });
        }
        match text.parse::<SocketAddr>() {
            Ok(address) => Ok(Self { address: Some(address.ip()), port: address.port() }),
            Err(_) => Err("it takes a port such as 443, or an address such as 127.0.0.1:8443".to_owned()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            None => write!(f, "{}", self.port),
            Some(address) => SocketAddr::new(address, self.port).fmt(f),
        }
    }
}
