//! The socket as hyper sees it, with four things that a plain one lacks.
//!
//! A read fails when the client is silent for too long between two exchanges, or too slow with a head (408). A write
//! fails when the client takes too little for long: else a guest that writes to such a client would sleep forever,
//! because it is woken by room in the socket's buffer. Interim responses go out between the writes of hyper. And
//! closing lingers where a client is still sending what nobody reads: else the system answers those octets with a
//! reset, which can destroy the response on its way (RFC 9112 §9.6).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};

use httpdate::fmt_http_date;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use windhover_contract::Limits;

use crate::activity::Activity;
use crate::silence::{Silence, TooLong};

/// A TCP stream.
pub(crate) struct Socket {
    stream: TcpStream,
    silence: Silence,
    /// Runs while a write waits. Made at the first wait: most connections never have one.
    waiting: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    activity: Arc<Activity>,
    is_shut: bool,
    lingering: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, limits: &Limits, activity: Arc<Activity>) -> Self {
        let silence = Silence::new(limits);
        Self { stream, silence, waiting: None, is_waiting: false, activity, is_shut: false, lingering: None }
    }

    /// Lets a write that waits fail when the client has had its time for as much as `size`.
    fn watch<T>(&mut self, cx: &mut Context<'_>, size: usize, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let has_waited = std::mem::replace(&mut self.is_waiting, written.is_pending());
        if has_waited != self.is_waiting {
            self.activity.set_write_waits(self.is_waiting);
        }
        if written.is_ready() {
            return written;
        }
        if !has_waited {
            let Some(patience) = self.activity.patience(size.min(MAX_PIECE) as u64) else {
                self.waiting = None;
                return Poll::Pending;
            };
            let deadline = Instant::now() + patience;
            match &mut self.waiting {
                Some(waiting) => waiting.as_mut().reset(deadline),
                waiting => *waiting = Some(Box::pin(tokio::time::sleep_until(deadline))),
            }
        }
        match self.waiting.as_mut().map(|waiting| waiting.as_mut().poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// Writes the interim response that waits, if there is one.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = &mut self.stream;
        self.activity.interim.poll_write(|octets| match ready!(Pin::new(&mut *stream).poll_write(cx, octets)) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => Poll::Ready(written),
        })
    }

    /// Takes what the client sends, to nobody, until it closes or its time is over.
    fn linger(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut scratch = [MaybeUninit::uninit(); 8192];
        loop {
            let mut unwanted = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut unwanted) {
                Poll::Ready(Ok(())) if !unwanted.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => break,
            }
        }
        self.lingering.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER))).as_mut().poll(cx)
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let socket = &mut *self;
        let before = buf.filled().len();
        match Pin::new(&mut socket.stream).poll_read(cx, buf) {
            Poll::Ready(read) => {
                if buf.filled().len() > before {
                    socket.silence.hear(&socket.activity);
                }
                Poll::Ready(read)
            }
            Poll::Pending => {
                if let TooLong::Head = ready!(socket.silence.poll(cx, &socket.activity)) {
                    // hyper has nothing to write now: there is no exchange.
                    let answer = format!("{REQUEST_TIMEOUT}date: {}\r\n\r\n", fmt_http_date(SystemTime::now()));
                    let _ = Pin::new(&mut socket.stream).poll_write(cx, answer.as_bytes()); // if it finds room
                }
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.activity.interim.is_under_way() {
            ready!(self.poll_interim(cx))?;
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.watch(cx, buf.len(), written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.activity.interim.is_under_way() {
            ready!(self.poll_interim(cx))?;
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.watch(cx, bufs.iter().map(|buf| buf.len()).sum(), written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper has nothing left to write: see `interim`.
        let written = self.poll_interim(cx);
        ready!(self.watch(cx, 0, written))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        if self.activity.has_unread_content() { self.linger(cx).map(Ok) } else { Poll::Ready(Ok(())) }
    }
}

impl Drop for Socket {
    /// HTTP/1.0 has no other sign that content is whole than the end of the connection. So where it is not, the
    /// connection must not end: it breaks.
    fn drop(&mut self) {
        if self.activity.is_cut_off() {
            let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// How long a client that is still sending has to read its answer, as Kestrel drains a body.
const LINGER: Duration = Duration::from_secs(5);

/// A client's time is counted for so much of a write at most, as Kestrel's MaxResponseBufferSize: the next piece has
/// its own.
const MAX_PIECE: usize = 64 << 10;

/// As Kestrel answers a head that does not come to its end, up to the date.
const REQUEST_TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n";
