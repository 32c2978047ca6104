//! The byte stream of a connection: TCP, TLS, a Unix socket, or a pipe.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use socket2::{SockRef, Socket, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, Ready};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::server::TlsStream;

use crate::outstanding::outstanding;

/// The byte stream of a connection.
pub(crate) enum Stream {
    Tcp(Tcp),
    Tls(Box<TlsStream<Tcp>>),
    #[cfg(unix)]
    Unix(UnixStream),
    #[cfg(feature = "in-memory")]
    Memory(tokio::io::DuplexStream),
}

impl Stream {
    /// Makes a drop reset the connection instead of closing it.
    pub(crate) fn break_on_drop(&self) {
        if let Some(tcp) = self.tcp() {
            let _ = SockRef::from(tcp).set_linger(Some(Duration::ZERO));
        }
    }

    /// Ends when the client has disconnected: reset by its system, or closed in both directions if both ends are on
    /// this system. The end of what the client sends is not a disconnect, and hides one from readers.
    ///
    /// A client of TCP that has closed its socket looks like one that waits for its response, until something is sent
    /// to it. So keep-alive probes are sent: the client's system answers them with a reset once it has forgotten the
    /// connection, which takes a minute on Linux.
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

    /// The TCP socket below it, if there is one.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        self.counted().map(|tcp| &tcp.socket)
    }

    /// How many of the written bytes the client's system has acknowledged; over TLS, encrypted bytes. `None`: the
    /// system does not tell.
    pub(crate) fn acknowledged(&self) -> Option<u64> {
        let tcp = self.counted()?;
        Some(tcp.written.saturating_sub(outstanding(&tcp.socket).unwrap_or(0)))
    }

    fn counted(&self) -> Option<&Tcp> {
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

/// The same socket with a registration of its own: the first registration is busy with the end that was read.
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
            // Waits for the next change, and not for room to write, which there may be.
            let none = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = match &self {
                Self::Tcp(stream) => stream.try_io(Interest::WRITABLE, none),
                #[cfg(unix)]
                Self::Unix(stream) => stream.try_io(Interest::WRITABLE, none),
            };
        }
    }
}

/// A TCP socket that counts what is written to it. Below TLS only the socket knows that.
pub(crate) struct Tcp {
    socket: TcpStream,
    /// Is read before the socket.
    first: Bytes,
    /// All bytes that were written.
    written: u64,
}

impl Tcp {
    pub(crate) fn new(socket: TcpStream) -> Self {
        Self { socket, first: Bytes::new(), written: 0 }
    }

    /// Puts back what was read of the socket, for what reads below a [`crate::socket::Socket`].
    pub(crate) fn put_back(&mut self, first: Bytes) {
        debug_assert!(self.first.is_empty(), "it is put back once");
        self.first = first;
    }

    fn count(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(size)) = written {
            self.written += size as u64;
        }
        written
    }
}

impl Drop for Tcp {
    /// When a connection is closed, the system keeps what the client has not taken, for minutes and longer if the
    /// client takes nothing. No limit of this server applies then.
    fn drop(&mut self) {
        #[cfg(target_os = "linux")]
        if outstanding(&self.socket).is_some_and(|bytes| bytes > 0) {
            let _ = SockRef::from(&self.socket).set_tcp_user_timeout(Some(DELIVERY_TIME));
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

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.socket).poll_read(cx, buf);
        }
        let size = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first.split_to(size));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, buf);
        self.count(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, bufs);
        self.count(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
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

/// The interval of the probes to a client that sends no more.
const PROBE_INTERVAL: Duration = Duration::from_secs(15);

/// How long the system goes on to deliver the end of a response after the connection is closed, to a client that takes
/// nothing. As long as a head may take: a network may stall, and nothing waits for it here.
#[cfg(target_os = "linux")]
const DELIVERY_TIME: Duration = Duration::from_secs(30);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn what_is_not_taken_when_it_is_closed_has_an_end_in_the_system() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        for (bytes, expected) in [(0, None), (1 << 16, Some(DELIVERY_TIME))] {
            let far = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
            far.set_recv_buffer_size(4096).expect("it may be small");
            far.connect(&listener.local_addr().expect("it is bound").into()).expect("it listens");
            let (near, _) = listener.accept().await.expect("somebody connects");
            let near = near.into_std().expect("it can be");
            let same = near.try_clone().expect("there are descriptors");
            let mut near = Tcp::new(TcpStream::from_std(near).expect("there is a runtime"));
            near.write_all(&vec![b'x'; bytes]).await.expect("the system takes it");
            assert_eq!(near.written, bytes as u64);
            drop(near);
            let timeout = SockRef::from(&same).tcp_user_timeout().expect("Linux tells");
            assert_eq!(timeout, expected, "with {bytes} bytes");
        }
    }
}
