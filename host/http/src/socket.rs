//! A stream with what every protocol here wants of it.
//!
//! What was read to find out the protocol is read again. A write fails when the client takes too little for long: else
//! a guest that writes to such a client would sleep forever, because it is woken by room in the socket's buffer. And
//! closing lingers where a client is still sending what nobody reads: else the system answers those octets with a
//! reset, which can destroy the response on its way (RFC 9112 §9.6).

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use windhover_contract::DataRate;

use crate::clock::{Alarm, Clock};
use crate::stream::Stream;

/// A stream.
pub(crate) struct Socket {
    stream: Stream,
    /// Comes before what the stream brings.
    first: Bytes,
    clock: Clock,
    /// Runs while a write waits. Made at the first wait: most connections never have one.
    waiting: Option<Alarm>,
    is_waiting: bool,
    is_shut: bool,
    lingering: Option<Alarm>,
}

impl Socket {
    pub(crate) fn new(stream: Stream, clock: Clock) -> Self {
        let (first, waiting, lingering) = (Bytes::new(), None, None);
        Self { stream, first, clock, waiting, is_waiting: false, is_shut: false, lingering }
    }

    /// What was read of the stream already.
    pub(crate) fn put_back(&mut self, first: Bytes) {
        debug_assert!(self.first.is_empty(), "it is put back once");
        self.first = first;
    }

    pub(crate) fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    pub(crate) fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Lets the connection break when it is dropped, and not end.
    pub(crate) fn break_on_drop(&self) {
        self.stream.break_on_drop();
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether octets wait to be taken by the client.
    pub(crate) fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let size = self.first.len().min(buf.remaining());
        buf.put_slice(&self.first[..size]);
        self.first.advance(size);
        Poll::Ready(Ok(()))
    }

    /// Lets a write of `size` octets that waits fail when the client has had its time for them, at that rate.
    pub(crate) fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        size: usize,
        rate: impl FnOnce() -> Option<DataRate>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let has_waited = std::mem::replace(&mut self.is_waiting, written.is_pending());
        if written.is_ready() {
            return written;
        }
        if !has_waited {
            let Some(rate) = rate() else {
                self.waiting = None;
                return Poll::Pending;
            };
            let deadline = self.clock.now() + rate.allows(size.min(MAX_PIECE) as u64);
            match &mut self.waiting {
                Some(waiting) => waiting.reset(deadline),
                waiting => *waiting = Some(self.clock.alarm_at(deadline)),
            }
        }
        match self.waiting.as_mut().map(|waiting| Pin::new(waiting).poll(cx)) {
            Some(Poll::Ready(())) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// Ends what is sent. If it is to linger, takes what the client still sends, to nobody, until it closes or its time
    /// is over.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>, lingers: bool) -> Poll<io::Result<()>> {
        if !self.is_shut {
            ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?;
            self.is_shut = true;
        }
        if !lingers {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [MaybeUninit::uninit(); 8192];
        loop {
            let mut unwanted = ReadBuf::uninit(&mut scratch);
            match Pin::new(&mut self.stream).poll_read(cx, &mut unwanted) {
                Poll::Ready(Ok(())) if !unwanted.filled().is_empty() => {}
                Poll::Ready(_) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        let clock = &self.clock;
        let lingering = self.lingering.get_or_insert_with(|| clock.alarm(LINGER));
        Pin::new(lingering).poll(cx).map(Ok)
    }
}

/// How long a client that is still sending has to read its answer, as Kestrel drains a body.
const LINGER: Duration = Duration::from_secs(5);

/// A client's time is counted for so much of a write at most, as Kestrel's MaxResponseBufferSize: the next piece has
/// its own.
const MAX_PIECE: usize = 64 << 10;
