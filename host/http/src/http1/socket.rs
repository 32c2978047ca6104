//! The socket as hyper sees it, with what only HTTP/1.x needs.
//!
//! What is read goes through a [`Gate`]. The end of what the client sends is not told while an answer is on its way to
//! it: hyper would take it for the client's leaving. A read fails when the client is silent for too long between two exchanges, or
//! too slow with a head (408). Interim responses go out between the writes of hyper.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use bytes::Bytes;
use httpdate::fmt_http_date;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use windhover_contract::{ClientFault, Limits};

use super::activity::Activity;
use super::gate::Gate;
use super::silence::{Silence, TooLong};
use crate::socket::Socket;

/// A socket that speaks HTTP/1.x.
pub(crate) struct Http1Socket {
    socket: Socket,
    gate: Gate,
    silence: Silence,
    activity: Arc<Activity>,
}

impl Http1Socket {
    pub(crate) fn new(socket: Socket, limits: &Limits, activity: Arc<Activity>) -> Self {
        let (gate, silence) = (Gate::new(limits), Silence::new(limits, socket.clock().clone()));
        Self { socket, gate, silence, activity }
    }

    /// Waits for the client without hyper, which needs to know nothing that the client has said before. False: the client
    /// has ended, or was silent for too long.
    pub(crate) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        // On the stack, because nothing is held meanwhile.
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
                ready!(self.silence.poll(cx, &self.activity));
                Poll::Ready(Ok(false))
            }
        }
    }

    /// The client sends no more. That is not its leaving (RFC 9112 §9.6: a client may close the half of the connection
    /// that it sends by): as long as a whole request of it is being answered, what counts is whether its system resets
    /// the connection.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.gate.end_is_awaited() || self.activity.poll_answered(self.gate.heads(), cx).is_ready() {
            return Poll::Ready(Ok(()));
        }
        ready!(self.socket.poll_left(cx));
        Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
    }

    /// Lets a write that waits fail when the client has had its time.
    fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let has_waited = self.socket.is_waiting();
        let written = self.socket.watch(cx, || self.activity.min_response_data_rate(), written);
        if self.socket.is_too_slow() {
            self.activity.ending.begin(ClientFault::AnswerTooSlow);
        }
        if has_waited != self.socket.is_waiting() {
            self.activity.set_write_waits(!has_waited);
        }
        written
    }

    /// Writes the interim response that waits, if there is one.
    fn poll_interim(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let socket = &mut self.socket;
        self.activity.interim.poll_write(|octets| match ready!(socket.poll_write(cx, octets)) {
            Ok(0) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => Poll::Ready(written),
        })
    }
}

impl AsyncRead for Http1Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let at = buf.filled().len();
        let Self { socket, gate, silence, activity } = &mut *self;
        let is_in_content = gate.is_in_content();
        let read = gate.poll_read(cx, buf, activity, |cx, buf| {
            let before = buf.filled().len();
            let read = socket.poll_read(cx, buf);
            // Content that comes behind the answer to it begins no head.
            if buf.filled().len() > before && !is_in_content {
                silence.hear(activity);
            }
            read
        });
        match read {
            Poll::Ready(Ok(())) if buf.filled().len() == at => self.poll_end(cx),
            Poll::Ready(read) => Poll::Ready(read),
            Poll::Pending => {
                let too_long = silence.poll(cx, activity);
                if too_long.is_pending() && silence.poll_rest(cx, activity).is_ready() && gate.rest() {
                    activity.rest();
                }
                if let TooLong::Head = ready!(too_long) {
                    activity.refuse_slow_head();
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
        if self.activity.interim.is_under_way() {
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
        if self.activity.interim.is_under_way() {
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
            Poll::Ready(Ok(())) => self.socket.poll_flush(cx).map_ok(|()| self.activity.has_written_all()),
            unwritten => unwritten,
        };
        self.watch(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let lingers = self.activity.has_unread_content();
        self.socket.poll_shutdown(cx, lingers)
    }
}

impl Drop for Http1Socket {
    /// HTTP/1.0 has no other sign that content is whole than the end of the connection. So where it is not, the
    /// connection must not end: it breaks.
    fn drop(&mut self) {
        if self.activity.is_cut_off() {
            self.socket.break_on_drop();
        }
    }
}

/// What is read at once of what ends a client's rest: a head, most often.
const READ_SIZE: usize = 4 << 10;

/// As Kestrel answers a head that does not come to its end, up to the date.
const REQUEST_TIMEOUT: &str = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n";
