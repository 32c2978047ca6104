//! Why an endpoint cannot be bound. Each message names the address and the remedy.

use std::io;
use std::net::SocketAddr;

/// Why a URL cannot be served. Each message names the URL and what to do.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// No URL was given.
    #[error("no URL to listen on: give at least one, for example http://127.0.0.1:8080")]
    NoUrl,
    /// The server does not serve any more.
    #[error("the server does not serve any more")]
    Ended,
    /// The URL cannot be listened on.
    #[error("cannot listen on {url}: {reason}")]
    Url {
        /// The URL as given.
        url: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// The Unix socket cannot be bound.
    #[error("cannot listen on unix:{path}: {reason}")]
    Unix {
        /// The path.
        path: String,
        /// The reason, of the system or of this server.
        reason: io::Error,
    },
    /// An inherited socket that no endpoint serves.
    #[error(
        "no endpoint serves the inherited socket {name} ({address}), so its clients would get no response: add an endpoint \
         with the URL systemd:{name}, or do not pass the socket"
    )]
    NotServed {
        /// Its name.
        name: String,
        /// Where it listens.
        address: String,
    },
    /// There is no such inherited socket.
    #[error("cannot listen on {url}: {reason}")]
    Inherited {
        /// The URL as given.
        url: String,
        /// The reason, and the inherited sockets that there are.
        reason: String,
    },
    /// The system refused the address.
    #[error("cannot listen on {address}: {reason}{}", hint(.reason))]
    Address {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        reason: io::Error,
    },
}

impl BindError {
    /// Whether another process has the address.
    pub(crate) fn is_taken(&self) -> bool {
        let (Self::Unix { reason, .. } | Self::Address { reason, .. }) = self else { return false };
        reason.kind() == io::ErrorKind::AddrInUse
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; another program listens there: stop it, or choose another port with --url",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege (CAP_NET_BIND_SERVICE, or root)",
        io::ErrorKind::AddrNotAvailable => "; this machine does not have that address",
        _ => "",
    }
}
