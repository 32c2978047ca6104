//! A URL to listen on, parsed once, and bound.

mod bind_error;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use http::uri::Uri;
#[cfg(unix)]
use socket2::SockAddr;
use socket2::{Domain, Protocol, Socket, Type};
use windhover_contract::TrustedPeers;

pub use bind_error::BindError;

use crate::inherited::InheritedSocket;
use crate::protocols::Protocols;
use crate::tls::Tls;
use crate::transport::{BACKLOG, Listening};
#[cfg(unix)]
use crate::unix::{self, Access, SocketFile};

/// Where to listen.
///
/// | URL | listens on |
/// |---|---|
/// | `http://127.0.0.1:8080`, `http://[::1]:8080` | that address |
/// | `http://localhost:8080` | both loopback addresses; one may be missing on the machine |
/// | `http://*:8080` | every address, IPv6 and IPv4 |
/// | port 0 | a free port that the system chooses; not with `localhost`, which is two sockets |
/// | no port | 80, or 443 for `https` |
/// | `unix:/run/app.sock` | a Unix socket at that path; one that nobody listens on any more is replaced |
/// | `unix:@name` | an abstract Unix socket, which is no file (Linux) |
/// | `systemd:name` | the sockets of that name that this process inherited ([`crate::HttpConfig::inherited`]) |
/// | `systemd:` | all sockets that it inherited |
///
/// `https://` is the same with TLS, for which [`EndpointConfig::tls`] has the certificate.
///
/// Any other host name is refused: a server listens on addresses. The names that it answers to are configured
/// elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    is_secure: bool,
    host: Host,
    port: u16,
}

/// An address to listen on, with its settings.
#[derive(Clone, Debug)]
pub struct EndpointConfig {
    /// The endpoint's name, which its connections carry ([`windhover_contract::Connection::endpoint`]). Default and
    /// `None`: it has none.
    pub name: Option<Arc<str>>,
    /// The URL to listen on, as [`Endpoint`] documents.
    pub url: String,
    /// The certificate of an `https` URL, and only of that. Endpoints may share it.
    pub tls: Option<Arc<Tls>>,
    /// The versions of HTTP without TLS. With TLS, [`crate::TlsConfig::alpn`] sets them.
    pub protocols: Protocols,
    /// The PROXY protocol, versions 1 and 2: every connection must come from one of these peers, and begin with a header.
    /// All others are closed. Default and `None`: no connection begins with a header, and one that does is malformed
    /// HTTP.
    pub proxy_protocol: Option<TrustedPeers>,
    /// The permissions of the file of a `unix:` URL. Default and `None`: 0660, so that a proxy of the same group can
    /// connect.
    pub mode: Option<u32>,
    /// The owner of the file of a `unix:` URL, as a user id. Default and `None`: the user that runs the server.
    pub owner: Option<u32>,
    /// The group of the file, as a group id. Default and `None`: the group of the user that runs the server.
    pub group: Option<u32>,
    /// Whether another process of the same user may listen at the same address and port too (SO_REUSEPORT): the system
    /// spreads connections over both. Default: no, so that a port that is taken by mistake is an error. Only for TCP on
    /// Unix; elsewhere it is an error.
    pub reuse_port: bool,
}

impl From<&str> for EndpointConfig {
    /// Without TLS, and with defaults for the rest.
    fn from(url: &str) -> Self {
        Self {
            name: None,
            url: url.to_owned(),
            tls: None,
            protocols: Protocols::default(),
            proxy_protocol: None,
            mode: None,
            owner: None,
            group: None,
            reuse_port: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Address(IpAddr),
    Localhost,
    Any,
    /// A path, or `@` and an abstract name.
    Unix(String),
    /// The inherited sockets of a name, or all.
    Inherited(Option<String>),
}

/// A bound socket of an endpoint.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) socket: Listening,
    /// Its address as text.
    pub(crate) address: String,
    #[cfg(unix)]
    pub(crate) file: Option<SocketFile>,
}

impl Bound {
    fn new(socket: Listening, address: String) -> Self {
        Self {
            socket,
            address,
            #[cfg(unix)]
            file: None,
        }
    }
}

impl EndpointConfig {
    /// Whether a socket that was bound for one endpoint serves the other too.
    pub(crate) fn is_bound_like(&self, other: &Self) -> bool {
        let Self { name: _, url, tls, protocols: _, proxy_protocol: _, mode, owner, group, reuse_port } = self;
        (url, tls.is_some(), mode, owner, group, reuse_port)
            == (&other.url, other.tls.is_some(), &other.mode, &other.owner, &other.group, &other.reuse_port)
    }

    /// Parses the URL, and checks that the other settings fit it.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, BindError> {
        let refuse = |reason| BindError::Url { url: self.url.clone(), reason };
        let endpoint: Endpoint = self.url.parse()?;
        if matches!(endpoint.host, Host::Inherited(_)) {
            return Ok(Endpoint { is_secure: self.tls.is_some(), ..endpoint });
        }
        match (endpoint.is_secure, &self.tls) {
            (true, None) => Err(refuse(
                "https needs a certificate: give --tls-cert and --tls-key (`windhover dev-cert` makes one for localhost)",
            )),
            (false, Some(_)) => Err(refuse("it has a certificate, which is of no use without https")),
            (true, Some(_)) | (false, None) => Ok(endpoint),
        }
    }
}

impl FromStr for Endpoint {
    type Err = BindError;

    fn from_str(url: &str) -> Result<Self, BindError> {
        let refuse = |reason| BindError::Url { url: url.to_owned(), reason };
        if let Some(path) = url.strip_prefix("unix:") {
            let is_path = path.starts_with('/') && !path.ends_with('/') || path.starts_with('@') && path.len() > 1;
            if !is_path || path.contains('\0') {
                return Err(refuse(
                    "unix: wants an absolute path, or @ and a name; write for example unix:/run/app.sock",
                ));
            }
            if let Some(reason) = refusal_of_unix(path) {
                return Err(refuse(reason));
            }
            return Ok(Self { is_secure: false, host: Host::Unix(path.to_owned()), port: 0 });
        }
        if let Some(name) = url.strip_prefix("systemd:") {
            let name = Some(name).filter(|name| !name.is_empty()).map(str::to_owned);
            return Ok(Self { is_secure: false, host: Host::Inherited(name), port: 0 });
        }
        let uri: Uri = url.parse().map_err(|_| refuse("it is not a URL; write for example http://127.0.0.1:8080"))?;
        let is_secure = match uri.scheme_str() {
            Some("http") => false,
            Some("https") => true,
            _ => return Err(refuse("it has no scheme; write for example http://127.0.0.1:8080")),
        };
        if uri.path() != "/" || uri.query().is_some() {
            return Err(refuse("it has a path; a server listens on an address, for all of its paths"));
        }
        let authority =
            uri.authority().ok_or_else(|| refuse("it has no host; write for example http://127.0.0.1:8080"))?;
        let host =
            match authority.host() {
                "*" | "+" => Host::Any,
                name if name.eq_ignore_ascii_case("localhost") => Host::Localhost,
                name => {
                    let address = name.trim_start_matches('[').trim_end_matches(']');
                    Host::Address(address.parse().map_err(|_| {
                        refuse("its host is neither an IP address, nor localhost, nor * for every address")
                    })?)
                }
            };
        if matches!(host, Host::Address(IpAddr::V6(address)) if address.to_ipv4_mapped().is_some()) {
            return Err(refuse("its host is an address of IPv4 that is written as one of IPv6; write it as IPv4"));
        }
        let port = match authority.as_str().rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => {
                port.parse().map_err(|_| refuse("its port is not a number from 0 to 65535"))?
            }
            _ if is_secure => 443,
            _ => 80,
        };
        if authority.as_str().contains('@') {
            return Err(refuse("it names a user, which has no meaning here"));
        }
        if host == Host::Localhost && port == 0 {
            return Err(refuse(
                "localhost is two addresses, which port 0 would give two ports; use http://127.0.0.1:0",
            ));
        }
        Ok(Self { is_secure, host, port })
    }
}

impl Endpoint {
    /// Whether connections are encrypted.
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self.host, Host::Unix(_))
    }

    /// Whether it is a Unix socket that is a file.
    pub fn is_unix_file(&self) -> bool {
        matches!(&self.host, Host::Unix(path) if path.starts_with('/'))
    }

    /// Whether it is an inherited socket, so that it speaks TLS if there is a certificate.
    pub fn is_inherited(&self) -> bool {
        matches!(self.host, Host::Inherited(_))
    }

    /// Whether both cannot be bound at once, or one would get connections for the other: the same address and port, the
    /// same path, or the same inherited sockets. Port 0 is a different port each time.
    pub fn overlaps(&self, other: &Self) -> bool {
        match (&self.host, &other.host) {
            (Host::Unix(one), Host::Unix(other)) => {
                one == other || one.starts_with('/') && Path::new(one) == Path::new(other)
            }
            (Host::Inherited(one), Host::Inherited(other)) => one.is_none() || other.is_none() || one == other,
            (Host::Unix(_) | Host::Inherited(_), _) | (_, Host::Unix(_) | Host::Inherited(_)) => false,
            _ if self.port != other.port || self.port == 0 => false,
            _ => self.addresses().iter().any(|one| other.addresses().iter().any(|other| covers(*one, *other))),
        }
    }

    /// The addresses and ports that it listens at, if any.
    fn addresses(&self) -> Vec<IpAddr> {
        match self.host {
            Host::Address(address) => vec![address],
            Host::Localhost => vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
            Host::Any => vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()],
            Host::Unix(_) | Host::Inherited(_) => Vec::new(),
        }
    }

    /// Whether it serves an inherited socket of that name.
    pub(crate) fn takes(&self, name: &str) -> bool {
        matches!(&self.host, Host::Inherited(own) if own.as_ref().is_none_or(|own| own == name))
    }

    /// Binds the endpoint: its sockets, each with its address as text.
    pub(crate) fn bind(&self, config: &EndpointConfig, inherited: &[InheritedSocket]) -> Result<Vec<Bound>, BindError> {
        let scheme = if self.is_secure { "https" } else { "http" };
        match &self.host {
            Host::Unix(path) => Ok(vec![listen_unix(path, config)?]),
            Host::Inherited(name) => self.take(name.as_deref(), scheme, inherited),
            _ => {
                let named = |(listener, address)| Bound::new(Listening::Tcp(listener), format!("{scheme}://{address}"));
                Ok(self.listen(config.reuse_port)?.into_iter().map(named).collect())
            }
        }
    }

    fn take(&self, name: Option<&str>, scheme: &str, all: &[InheritedSocket]) -> Result<Vec<Bound>, BindError> {
        let url = || format!("systemd:{}", name.unwrap_or_default());
        let refuse = |reason: String| BindError::Inherited { url: url(), reason };
        let own: Vec<_> = all.iter().filter(|socket| name.is_none_or(|name| name == socket.name)).collect();
        if own.is_empty() {
            let names: Vec<_> = all.iter().map(|socket| socket.name.as_str()).collect();
            return Err(refuse(match names.as_slice() {
                [] => "this process inherited no socket; systemd gives it some by a .socket unit".to_owned(),
                names => format!("this process inherited no socket of that name; there is {}", names.join(", ")),
            }));
        }
        if self.is_secure && !own.iter().all(|socket| socket.is_tcp()) {
            return Err(refuse("it is a Unix socket, and TLS needs TCP; remove the certificate".to_owned()));
        }
        let bound =
            own.iter().map(|socket| socket.listening(scheme).map(|(socket, address)| Bound::new(socket, address)));
        bound.collect::<io::Result<_>>().map_err(|error| refuse(error.to_string()))
    }

    fn listen(&self, reuse_port: bool) -> Result<Vec<(TcpListener, SocketAddr)>, BindError> {
        let listen = |address, dual_stack| listen(address, dual_stack, reuse_port);
        match self.host {
            Host::Unix(_) | Host::Inherited(_) => Ok(Vec::new()), // not of TCP
            Host::Address(ip) => Ok(vec![listen(SocketAddr::new(ip, self.port), false)?]),
            Host::Any => match listen(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), self.port), true) {
                // A machine without IPv6 still has all IPv4 addresses.
                Err(BindError::Address { reason, .. }) if reason.kind() != io::ErrorKind::AddrInUse => {
                    Ok(vec![listen(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port), false)?])
                }
                bound => Ok(vec![bound?]),
            },
            Host::Localhost => {
                let v4 = listen(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.port), false);
                let v6 = listen(SocketAddr::new(Ipv6Addr::LOCALHOST.into(), self.port), false);
                match (v4, v6) {
                    (Ok(v4), Ok(v6)) => Ok(vec![v4, v6]),
                    // As Kestrel: one loopback address may be missing, but not taken by another process.
                    (Ok(one), Err(error)) | (Err(error), Ok(one)) => match error {
                        BindError::Address { ref reason, .. } if reason.kind() == io::ErrorKind::AddrInUse => {
                            Err(error)
                        }
                        _ => Ok(vec![one]),
                    },
                    (Err(error), Err(_)) => Err(error),
                }
            }
        }
    }
}

/// Whether sockets at two addresses with the same port conflict. A socket of IPv6 takes no IPv4.
fn covers(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_ipv4() == other.is_ipv4() && (one.is_unspecified() || other.is_unspecified())
}

/// Why a Unix socket cannot have that name. `None`: it can.
#[cfg(unix)]
fn refusal_of_unix(path: &str) -> Option<&'static str> {
    let address = match path.strip_prefix('@') {
        Some(_) if cfg!(not(target_os = "linux")) => {
            return Some("abstract sockets are Linux's alone; write a path, such as unix:/run/app.sock");
        }
        Some(name) => SockAddr::unix(format!("\0{name}")),
        None => SockAddr::unix(path),
    };
    address.is_err().then_some(
        "its path is longer than the system lets that of a socket be (107 bytes on Linux, 103 elsewhere); choose a \
         shorter one",
    )
}

#[cfg(not(unix))]
fn refusal_of_unix(_: &str) -> Option<&'static str> {
    Some("this system has no Unix sockets here; use http://127.0.0.1")
}

fn listen(address: SocketAddr, dual_stack: bool, reuse_port: bool) -> Result<(TcpListener, SocketAddr), BindError> {
    let bind = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!dual_stack)?;
        }
        // On Unix this lets a restarted server bind while old connections are in TIME_WAIT. On Windows the same option
        // would let another program take the port.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        if reuse_port {
            share(&socket)?;
        }
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let bound = listener.local_addr()?;
        Ok((listener, bound))
    };
    bind().map_err(|reason| BindError::Address { address, reason })
}

#[cfg(unix)]
fn share(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(unix))]
fn share(_: &Socket) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system does not share a port between processes"))
}

#[cfg(unix)]
fn listen_unix(path: &str, config: &EndpointConfig) -> Result<Bound, BindError> {
    let access = Access { mode: config.mode.unwrap_or(Access::DEFAULT_MODE), owner: config.owner, group: config.group };
    let listening = unix::listen(path, &access).map_err(|reason| BindError::Unix { path: path.to_owned(), reason });
    let (socket, file) = listening?;
    Ok(Bound { socket: Listening::Unix(socket), address: format!("unix:{path}"), file })
}

#[cfg(not(unix))]
fn listen_unix(path: &str, _: &EndpointConfig) -> Result<Bound, BindError> {
    let reason =
        io::Error::new(io::ErrorKind::Unsupported, "this system has no Unix sockets here; use http://127.0.0.1");
    Err(BindError::Unix { path: path.to_owned(), reason })
}

#[cfg(test)]
mod tests;
