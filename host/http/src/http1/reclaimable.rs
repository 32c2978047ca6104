//! The socket while hyper has it. hyper returns nothing. So the socket goes back to its owner through a channel: when
//! hyper is dropped, or as soon as hyper is not needed to wait for the client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;

use super::socket::Http1Socket;

/// A socket that goes back to its owner when this is dropped.
pub(super) struct Reclaimable {
    /// `None`: it has gone back.
    socket: Option<Box<Http1Socket>>,
    owner: Option<oneshot::Sender<Box<Http1Socket>>>,
}

impl Reclaimable {
    pub(super) fn new(socket: Box<Http1Socket>) -> (Self, oneshot::Receiver<Box<Http1Socket>>) {
        let (owner, back) = oneshot::channel();
        (Self { socket: Some(socket), owner: Some(owner) }, back)
    }

    /// `None`: it has gone back, and the owner drops hyper next.
    fn socket(&mut self) -> Option<Pin<&mut Http1Socket>> {
        self.socket.as_deref_mut().map(Pin::new)
    }

    fn give_back(&mut self) {
        if let (Some(socket), Some(owner)) = (self.socket.take(), self.owner.take()) {
            let _ = owner.send(socket); // else nobody wants it any more
        }
    }
}

impl Drop for Reclaimable {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl AsyncRead for Reclaimable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(mut socket) = self.socket() else { return Poll::Pending };
        let read = socket.as_mut().poll_read(cx, buf);
        if read.is_pending() && socket.take_reclaimable() {
            self.give_back();
        }
        read
    }
}

impl AsyncWrite for Reclaimable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().map_or(Poll::Pending, |socket| socket.poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().map_or(Poll::Pending, |socket| socket.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // It goes back only when nothing is left to write.
        self.socket().map_or(Poll::Ready(Ok(())), |socket| socket.poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().map_or(Poll::Ready(Ok(())), |socket| socket.poll_shutdown(cx))
    }
}
