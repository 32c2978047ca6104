//! Sockets that another process has bound: systemd, which starts a service when the first client connects, and keeps
//! its sockets open while the service restarts.

use std::net::TcpListener;
#[cfg(unix)]
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use crate::transport::Listening;

/// A bound and listening socket that this process inherited. Cheap to clone: all clones are one socket.
#[derive(Clone, Debug)]
pub struct InheritedSocket {
    /// Its name: systemd's FileDescriptorName, by default the name of the unit.
    pub name: String,
    pub(crate) socket: Inherited,
}

#[derive(Clone, Debug)]
pub(crate) enum Inherited {
    Tcp(Arc<TcpListener>),
    #[cfg(unix)]
    Unix(Arc<UnixListener>),
}

impl InheritedSocket {
    /// A TCP socket.
    pub fn tcp(name: impl Into<String>, socket: TcpListener) -> Self {
        Self { name: name.into(), socket: Inherited::Tcp(Arc::new(socket)) }
    }

    /// A Unix socket.
    #[cfg(unix)]
    pub fn unix(name: impl Into<String>, socket: UnixListener) -> Self {
        Self { name: name.into(), socket: Inherited::Unix(Arc::new(socket)) }
    }

    /// Prepares it for accepting. Also returns its address as text.
    pub(crate) fn listening(&self, scheme: &str) -> std::io::Result<(Listening, String)> {
        Ok(match &self.socket {
            Inherited::Tcp(socket) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                let address = socket.local_addr()?;
                (Listening::Tcp(socket), format!("{scheme}://{address}"))
            }
            #[cfg(unix)]
            Inherited::Unix(socket) => {
                let socket = socket.try_clone()?;
                socket.set_nonblocking(true)?;
                let address = socket.local_addr()?;
                let path = address.as_pathname().map_or_else(|| "@".to_owned(), |path| path.display().to_string());
                (Listening::Unix(socket), format!("unix:{path}"))
            }
        })
    }

    /// The address at which it listens, for messages.
    pub(crate) fn address(&self) -> String {
        match &self.socket {
            Inherited::Tcp(socket) => {
                socket.local_addr().map_or_else(|_| "TCP".to_owned(), |address| address.to_string())
            }
            #[cfg(unix)]
            Inherited::Unix(socket) => {
                let address = socket.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(|| "a Unix socket".to_owned(), |path| path.display().to_string())
            }
        }
    }

    pub(crate) fn is_tcp(&self) -> bool {
        matches!(self.socket, Inherited::Tcp(_))
    }
}
