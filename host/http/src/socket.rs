//! A stream with what every protocol here needs.
//!
//! What was read to detect the protocol is read again. A write fails when the client takes too little for too long:
//! else a guest that writes to such a client would sleep forever, because only room in the socket's buffer wakes it. A
//! connection that is dropped while bytes wait to be taken is reset: else the system would keep them and go on to send
//! them. Closing lingers while a client sends what nobody reads: else the system answers those bytes with a reset,
//! which can destroy the response on its way (RFC 9112 §9.6).

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use windhover_contract::DataRate;

use crate::clock::{Alarm, Clock};
use crate::min_data_rate::MinDataRate;
use crate::stream::Stream;

/// A stream.
pub(crate) struct Socket {
    stream: Stream,
    /// Is read before the stream.
    first: Bytes,
    clock: Clock,
    min_data_rate: MinDataRate,
    /// All bytes that were written: counted where the system does not tell what the client's system has acknowledged.
    written: u64,
    /// The client has let a write wait for too long.
    is_too_slow: bool,
    is_shut: bool,
    lingering: Option<Alarm>,
    /// Created when the client has ended what it sends while a response is on its way.
    left: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Socket {
    pub(crate) fn new(stream: Stream, clock: Clock) -> Self {
        let min_data_rate = MinDataRate::new(clock.clone());
        Self {
            stream,
            first: Bytes::new(),
            clock,
            min_data_rate,
            written: 0,
            is_too_slow: false,
            is_shut: false,
            lingering: None,
            left: None,
        }
    }

    /// Puts back what was read of the stream.
    pub(crate) fn put_back(&mut self, first: Bytes) {
        debug_assert!(self.first.is_empty(), "it is put back once");
        self.first = first;
    }

    pub(crate) fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Makes a drop reset the connection instead of closing it.
    pub(crate) fn break_on_drop(&self) {
        self.stream.break_on_drop();
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Whether bytes wait that the client does not take.
    pub(crate) fn is_waiting(&self) -> bool {
        self.min_data_rate.is_waiting()
    }

    /// Whether a write has failed because the client let it wait for too long.
    pub(crate) fn is_too_slow(&self) -> bool {
        self.is_too_slow
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

    /// Ends when a client that has ended what it sends has disconnected, as far as the system knows.
    pub(crate) fn poll_left(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let stream = &self.stream;
        self.left.get_or_insert_with(|| Box::pin(stream.left())).as_mut().poll(cx)
    }

    /// Fails a waiting write when the client takes less than `rate` for too long.
    pub(crate) fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        rate: impl FnOnce() -> Option<DataRate>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let taken = || self.stream.acknowledged().unwrap_or(self.written);
        if written.is_pending() {
            let waited = self.min_data_rate.poll_waiting(cx, rate, taken);
            self.is_too_slow |= waited.is_ready();
            return waited.map(|()| Err(io::ErrorKind::TimedOut.into()));
        }
        self.min_data_rate.goes_on(taken);
        written
    }

    /// The rate by which the client is measured has changed. It counts for a waiting write from now on.
    pub(crate) fn change_rate(&mut self) {
        let taken = || self.stream.acknowledged().unwrap_or(self.written);
        self.min_data_rate.goes_on(taken);
    }

    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.count(&written);
        written
    }

    pub(crate) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.count(&written);
        written
    }

    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn count(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(size)) = written {
            self.written += *size as u64;
        }
    }

    /// Ends what is sent. If it lingers, it discards what the client still sends, until the client closes or its time
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

impl Drop for Socket {
    fn drop(&mut self) {
        if self.is_waiting() {
            self.break_on_drop();
        }
    }
}

/// How long a client that is still sending has to read its response, as Kestrel drains a body.
const LINGER: Duration = Duration::from_secs(5);
