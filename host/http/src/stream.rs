//! What octets come and go on: TCP as it is, or something above it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

/// What octets come and go on.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "in-memory")]
    Memory(tokio::io::DuplexStream),
}

impl Stream {
    /// Lets the connection break when it is dropped, and not end.
    pub(crate) fn break_on_drop(&self) {
        if let Some(socket) = self.tcp() {
            let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
        }
    }

    /// Ends when the client has left: reset by its system, or, where both are of this one, closed in both directions. The
    /// end of what it sends is not its leaving, and hides it from whoever reads.
    ///
    /// A client of TCP that has closed its socket looks as one that waits for its answer, until something is sent to
    /// it. So probes are, at intervals: its system answers them with a reset once it has forgotten the connection, which
    /// takes Linux a minute.
    pub(crate) fn left(&self) -> impl Future<Output = ()> + Send + use<> {
        let second = match self.tcp() {
            Some(stream) => {
                let probes = TcpKeepalive::new().with_time(PROBE_INTERVAL).with_interval(PROBE_INTERVAL);
                let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
                second(stream).and_then(|socket| TcpStream::from_std(socket.into())).map(Second::Tcp)
            }
            None => match self {
                #[cfg(unix)]
                Self::Unix(stream) => {
                    second(stream).and_then(|socket| UnixStream::from_std(socket.into())).map(Second::Unix)
                }
                _ => Err(io::ErrorKind::Unsupported.into()),
            },
        };
        async move {
            match second {
                Ok(second) => second.closed().await,
                Err(_) => std::future::pending().await, // then a write finds out
            }
        }
    }

    /// The socket below it, if there is one.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            #[cfg(unix)]
            Self::Unix(_) => None,
            #[cfg(feature = "in-memory")]
            Self::Memory(_) => None,
        }
    }
}

/// The same socket once more, with a registration of its own: the first one's is busy with the end that was read.
enum Second {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Second {
    async fn closed(self) {
        loop {
            let ready = match &self {
                Self::Tcp(stream) => stream.ready(Interest::WRITABLE).await,
                #[cfg(unix)]
                Self::Unix(stream) => stream.ready(Interest::WRITABLE).await,
            };
            if ready.map_or(true, Ready::is_write_closed) {
                return;
            }
            // Waits for the next change, and not for room, which there may be.
            let none = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = match &self {
                Self::Tcp(stream) => stream.try_io(Interest::WRITABLE, none),
                #[cfg(unix)]
                Self::Unix(stream) => stream.try_io(Interest::WRITABLE, none),
            };
        }
    }
}

#[cfg(unix)]
fn second(stream: &impl std::os::fd::AsFd) -> io::Result<Socket> {
    SockRef::from(stream).try_clone()
}

#[cfg(windows)]
fn second(stream: &impl std::os::windows::io::AsSocket) -> io::Result<Socket> {
    SockRef::from(stream).try_clone()
}

macro_rules! each {
    ($stream:expr, $name:ident => $do:expr) => {
        match $stream.get_mut() {
            Stream::Tcp($name) => $do,
            Stream::Tls($name) => $do,
            #[cfg(unix)]
            Stream::Unix($name) => $do,
            #[cfg(feature = "in-memory")]
            Stream::Memory($name) => $do,
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, stream => Pin::new(stream).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.is_write_vectored(),
            #[cfg(feature = "in-memory")]
            Self::Memory(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

/// How often a client that sends no more is asked whether it is still there.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);
