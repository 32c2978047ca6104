//! The socket while hyper has it. hyper gives nothing back but its end; so what it has is lent, and comes back when
//! hyper is dropped.

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

    fn socket(&mut self) -> Pin<&mut Http1Socket> {
        Pin::new(self.socket.as_mut().expect("it is here until this is dropped"))
    }
}

impl Drop for Reclaimable {
    fn drop(&mut self) {
        if let (Some(socket), Some(owner)) = (self.socket.take(), self.owner.take()) {
            let _ = owner.send(socket); // else nobody wants it any more
        }
    }
}

impl AsyncRead for Reclaimable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_read(cx, buf)
    }
}

impl AsyncWrite for Reclaimable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.socket().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.as_ref().is_some_and(|socket| socket.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket().poll_shutdown(cx)
    }
}
