//! The system's sockets for connections: TCP, and Unix sockets.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};

use crate::stream::{Stream, Tcp};

/// A bound and listening socket.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

/// A listening socket that is registered with a runtime.
pub(crate) enum Accepting {
    Tcp(tokio::net::TcpListener),
    #[cfg(unix)]
    Unix(tokio::net::UnixListener),
}

/// An accepted connection on its way to the runtime that will serve it.
pub(crate) enum Arrived {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Listening {
    /// A connection that waits to be accepted. `WouldBlock`: there is none.
    pub(crate) fn accept_now(&self) -> io::Result<(Arrived, Option<SocketAddr>)> {
        Ok(match self {
            Self::Tcp(socket) => {
                let (stream, remote) = socket.accept()?;
                stream.set_nonblocking(true)?;
                (Arrived::Tcp(stream), Some(canonical(remote)))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.accept()?;
                stream.set_nonblocking(true)?;
                (Arrived::Unix(stream), None)
            }
        })
    }

    /// Registers it. Needs one more descriptor, so it can fail for a while.
    pub(crate) fn register(&self) -> io::Result<Accepting> {
        Ok(match self {
            Self::Tcp(socket) => Accepting::Tcp(tokio::net::TcpListener::from_std(socket.try_clone()?)?),
            #[cfg(unix)]
            Self::Unix(socket) => Accepting::Unix(tokio::net::UnixListener::from_std(socket.try_clone()?)?),
        })
    }
}

impl Accepting {
    /// The next connection, with the client's address if it has one. The inner error is of this connection alone.
    pub(crate) async fn accept(&self) -> io::Result<(io::Result<Arrived>, Option<SocketAddr>)> {
        Ok(match self {
            Self::Tcp(socket) => {
                let (stream, remote) = socket.accept().await?;
                (stream.into_std().map(Arrived::Tcp), Some(canonical(remote)))
            }
            #[cfg(unix)]
            Self::Unix(socket) => {
                let (stream, _) = socket.accept().await?;
                (stream.into_std().map(Arrived::Unix), None)
            }
        })
    }
}

/// A socket for all addresses shows IPv4 clients as `::ffff:192.0.2.1`, which no comparison of addresses expects.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl Arrived {
    /// The server's own address, if it has one.
    pub(crate) fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok().map(canonical),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// Registers it with the runtime of this thread.
    pub(crate) fn register(self) -> io::Result<Stream> {
        Ok(match self {
            Self::Tcp(stream) => {
                let stream = tokio::net::TcpStream::from_std(stream)?;
                // A response is sent as it is written. Waiting for more to fill the packet only delays it.
                let _ = stream.set_nodelay(true);
                Stream::Tcp(Tcp::new(stream))
            }
            #[cfg(unix)]
            Self::Unix(stream) => Stream::Unix(tokio::net::UnixStream::from_std(stream)?),
        })
    }
}

/// How many connections the system queues until they are accepted, as Kestrel's transport.
pub(crate) const BACKLOG: i32 = 512;
