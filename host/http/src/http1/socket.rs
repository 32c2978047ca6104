//! The socket as hyper sees it, with what only HTTP/1.x needs.
//!
//! What is read goes through a [`Gate`]. The end of what the client sends is hidden while a response is on its way:
//! hyper would take it for the client's disconnect. A read fails when the client is idle for too long between two
//! exchanges, or too slow with a head (408). Interim responses are written between the writes of hyper.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::SystemTime;

use bytes::Bytes;
use httpdate::fmt_http_date;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use windhover_contract::{ClientFault, Limits};

use super::content::RequestContent;
use super::gate::Gate;
use super::interim::Interim;
use super::link::IoEnd;
use super::progress::Phase;
use super::read_timeouts::{ReadTimeouts, TimedOut};
use crate::socket::Socket;

/// A socket that speaks HTTP/1.x.
pub(crate) struct Http1Socket {
    socket: Socket,
    gate: Gate,
    timeouts: ReadTimeouts,
    link: IoEnd,
    content: Arc<RequestContent>,
    interim: Arc<Interim>,
    /// How many exchanges have ended with their responses written completely.
    answered: u64,
    /// The task that waits for `answered` to change, because the client sends no more.
    half_closed: Option<Waker>,
    /// The client has been silent for so long that hyper is not needed to wait for it.
    is_reclaimable: bool,
}

impl Http1Socket {
    pub(crate) fn new(
        socket: Socket,
        limits: &Limits,
        link: IoEnd,
        content: Arc<RequestContent>,
        interim: Arc<Interim>,
    ) -> Self {
        let (gate, timeouts) = (Gate::new(limits), ReadTimeouts::new(limits, socket.clock().clone()));
        Self { socket, gate, timeouts, link, content, interim, answered: 0, half_closed: None, is_reclaimable: false }
    }

    /// Whether the client has been silent for so long that hyper is not needed to wait for it. Returns true once.
    pub(crate) fn take_reclaimable(&mut self) -> bool {
        std::mem::take(&mut self.is_reclaimable)
    }

    /// Waits for the client without hyper, which has seen all that the client has sent. False: the client has ended the
    /// connection, or was silent for too long.
    pub(crate) fn poll_next_request(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        // On the stack, so that a waiting connection holds no buffer.
        let mut buffer = [MaybeUninit::uninit(); READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        match self.socket.poll_read(cx, &mut buffer) {
            Poll::Ready(read) => {
                read?;
                let has_come = !buffer.filled().is_empty();
                self.socket.put_back(Bytes::copy_from_slice(buffer.filled()));
                Poll::Ready(Ok(has_come))
            }
            Poll::Pending => {
                ready!(self.timeouts.poll(cx, self.link.position()));
                Poll::Ready(Ok(false))
            }
        }
    }

    /// The client sends no more. That is not a disconnect (RFC 9112 §9.6: a client may close its sending half). While a
    /// complete request is being answered, only a reset by the client's system counts.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let begun = self.link.position().exchange;
        // hyper may hold a request that has not begun here.
        let is_answered = self.answered == begun && begun >= self.gate.heads();
        if self.gate.end_is_awaited() || is_answered {
            return Poll::Ready(Ok(()));
        }
        self.half_closed = Some(cx.waker().clone());
        ready!(self.socket.poll_left(cx));
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    /// Fails a waiting write when the client takes too little.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let has_waited = self.socket.is_waiting();
        let written = self.socket.watch(cx, || self.link.min_response_data_rate(), written);
        if self.socket.is_too_slow() {
            self.link.end(ClientFault::AnswerTooSlow);
        }
        if has_waited != self.socket.is_waiting() {
            self.link.set_write_waits(!has_waited);
        }
        written
    }

    /// hyper has written all that it had to write.
    fn note_flushed(&mut self) {
        let position = self.link.position();
        if self.answered != position.exchange && !position.is_under_way() {
            self.answered = position.exchange;
            if let Some(waiting) = self.half_closed.take() {
                waiting.wake();
            }
        }
    }

    /// Whether nothing is under way that hyper must know of.
    fn may_be_reclaimed(&self) -> bool {
        !self.link.position().is_under_way() && !self.socket.is_waiting() && !self.content.is_unread()
    }

    /// Writes the waiting interim response, if there is one.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut self.socket;
        self.interim.poll_write(|bytes| match ready!(socket.poll_write(cx, bytes)) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => Poll::Ready(written),
        })
    }
}

impl AsyncRead for Http1Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let at = buf.filled().len();
        let Self { socket, gate, timeouts, link, .. } = &mut *self;
        let is_in_content = gate.is_in_content();
        let read = gate.poll_read(cx, buf, link, |cx, buf| {
            let before = buf.filled().len();
            let read = socket.poll_read(cx, buf);
            // Content that arrives after its response begins no head.
            if buf.filled().len() > before && !is_in_content {
                timeouts.note_read(link.position());
            }
            read
        });
        match read {
            Poll::Ready(Ok(())) if buf.filled().len() == at => self.poll_end(cx),
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => {
                let position = link.position();
                let timed_out = timeouts.poll(cx, position);
                if timed_out.is_pending() && timeouts.poll_long_idle(cx, position).is_ready() {
                    self.is_reclaimable = self.may_be_reclaimed() && self.gate.release_buffer();
                }
                if let TimedOut::Head = ready!(timed_out) {
                    let Self { socket, link, .. } = &mut *self;
                    link.end(ClientFault::HeadTooSlow);
                    // hyper has nothing to write now: there is no exchange.
                    let answer = format!("{REQUEST_TIMEOUT}date: {}\r\n\r\n", fmt_http_date(SystemTime::now()));
                    if socket.poll_write(cx, answer.as_bytes()).is_ready() {
                        let _ = socket.poll_flush(cx); // if it finds room
                    }
                }
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncWrite for Http1Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.interim.is_under_way() {
            ready!(self.poll_interim(cx))?;
        }
        let written = self.socket.poll_write(cx, buf);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.interim.is_under_way() {
            ready!(self.poll_interim(cx))?;
        }
        let written = self.socket.poll_write_vectored(cx, bufs);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper has nothing left to write: see `interim`.
        let flushed = match self.poll_interim(cx) {
            Poll::Ready(Ok(())) => self.socket.poll_flush(cx),
            unwritten => unwritten,
        };
        if let Poll::Ready(Ok(())) = flushed {
            self.note_flushed();
        }
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // RFC 9112 §9.6: what the client goes on sending must not make it lose the response. Closing does not linger at
        // an end that was read, so an upgraded connection needs no other condition.
        let is_upgraded = matches!(self.link.position().phase, Phase::Upgraded { .. });
        let lingers = self.gate.is_closed() || is_upgraded || self.content.may_still_come();
        self.socket.poll_shutdown(cx, lingers)
    }
}

impl Drop for Http1Socket {
    /// In HTTP/1.0 only the end of the connection tells that content is complete. If it is not, the connection must be
    /// reset instead of closed.
    fn drop(&mut self) {
        if self.link.position().phase == Phase::Aborted {
            self.socket.break_on_drop();
        }
    }
}

/// How much is read at once when an idle client sends something: most often a head.
const READ_SIZE: usize = 4 << 10;

/// Kestrel's response to a head that is too slow, up to the date.
const REQUEST_TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n";
