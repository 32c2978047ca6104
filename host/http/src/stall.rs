//! Ends a connection whose client takes nothing of what waits to be sent. Without it, a guest that writes to such a
//! client would sleep forever: it is woken by room in the socket's buffer, and there never is any.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use crate::activity::Activity;

/// A TCP stream whose writes fail when the client has taken no byte for a while.
pub(crate) struct Stall {
    stream: TcpStream,
    patience: Option<Duration>,
    /// Runs while a write waits. Made at the first wait: most connections never have one.
    waiting: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    activity: Arc<Activity>,
}

impl Stall {
    pub(crate) fn new(stream: TcpStream, patience: Option<Duration>, activity: Arc<Activity>) -> Self {
        Self { stream, patience, waiting: None, is_waiting: false, activity }
    }

    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let has_waited = std::mem::replace(&mut self.is_waiting, written.is_pending());
        if has_waited != self.is_waiting {
            self.activity.set_write_waits(self.is_waiting);
        }
        let (Poll::Pending, Some(patience)) = (&written, self.patience) else { return written };
        let deadline = || Instant::now() + patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline())));
        if !has_waited {
            waiting.as_mut().reset(deadline());
        }
        match waiting.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Stall {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stall {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
