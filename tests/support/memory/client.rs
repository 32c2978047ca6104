//! The client's side of the server in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::{mpsc, oneshot};

/// Where clients of a [`MemoryServer`](super::MemoryServer) connect.
#[derive(Clone, Debug)]
pub struct MemoryClient(mpsc::Sender<Arrived>);

/// A client's connection. Shutting it down ends what the client sends; dropping it is its leaving, and the server hears
/// the difference, as by a reset of TCP.
#[derive(Debug)]
pub struct MemoryConnection {
    pipe: DuplexStream,
    _here: oneshot::Sender<()>,
}

/// A connection as the server gets it.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) pipe: DuplexStream,
    /// Ends when the client has left.
    pub(super) gone: oneshot::Receiver<()>,
}

impl MemoryClient {
    pub(super) fn new(connections: mpsc::Sender<Arrived>) -> Self {
        Self(connections)
    }

    /// Connects. Fails like a refused connection when the server does not accept any more.
    pub async fn connect(&self) -> io::Result<MemoryConnection> {
        let (near, far) = tokio::io::duplex(PIPE_SIZE);
        let (here, gone) = oneshot::channel();
        self.0.send(Arrived { pipe: far, gone }).await.map_err(|_| io::ErrorKind::ConnectionRefused)?;
        Ok(MemoryConnection { pipe: near, _here: here })
    }
}

impl AsyncRead for MemoryConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(cx, buf)
    }
}

impl AsyncWrite for MemoryConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.pipe).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(cx)
    }
}

/// What a pipe holds in each direction: as the buffers of a socket, so that a client that does not read is felt.
const PIPE_SIZE: usize = 64 * 1024;
