//! Content on its way out of a guest: the guest writes at one end, the exchange or the HTTP client reads at the other.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use wasmtime_wasi::p2::{DynOutputStream, OutputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::Error;

use crate::answer::pieces::{Pieces, READ_AHEAD};
use crate::scheduling::stuck::leave;
use crate::scheduling::wake::wake;

/// The guest's end: `outgoing-body`. Dropping it aborts the content, unless it is finished.
pub struct OutgoingBody {
    pipe: Arc<Pipe>,
    has_stream: bool,
}

/// The `output-stream` that the guest writes to.
struct Stream(Arc<Pipe>);

/// The end that is read. Dropping it means that no more content is needed.
pub(crate) struct Outgoing(Arc<Pipe>);

struct Pipe {
    inner: Mutex<Inner>,
    /// The `content-length` that the guest has announced.
    expected: Option<u64>,
    /// The message has no content, so what is written need not have the announced length.
    is_forbidden: AtomicBool,
    /// The error for a wrong length.
    mismatch: fn(Option<u64>) -> Error,
}

#[derive(Default)]
struct Inner {
    pieces: Pieces,
    written: u64,
    end: Option<End>,
    /// It has a reader, or will have one: it is on its way.
    has_reader: bool,
    /// It has no reader any more.
    is_closed: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum End {
    /// It is complete. The trailers, until they are taken.
    Finished(Option<HeaderMap>),
    Broken,
}

/// The two ends of content with an `expected` length. A wrong length is reported by `mismatch`.
pub(crate) fn pipe(expected: Option<u64>, mismatch: fn(Option<u64>) -> Error) -> (OutgoingBody, Outgoing) {
    let pipe = Arc::new(Pipe { inner: Mutex::default(), expected, is_forbidden: AtomicBool::new(false), mismatch });
    (OutgoingBody { pipe: Arc::clone(&pipe), has_stream: true }, Outgoing(pipe))
}

impl OutgoingBody {
    /// The stream to write to. It can be taken once.
    pub(crate) fn stream(&mut self) -> Option<DynOutputStream> {
        std::mem::replace(&mut self.has_stream, false).then(|| Box::new(Stream(Arc::clone(&self.pipe))) as _)
    }

    /// Finishes the content. `Err`: it has a wrong length, and so is aborted.
    pub(crate) fn finish(self, trailers: Option<HeaderMap>) -> Result<(), Error> {
        let mut inner = self.pipe.lock();
        if self.pipe.expected().is_some_and(|expected| expected != inner.written) {
            return Err((self.pipe.mismatch)(Some(inner.written)));
        }
        inner.end(End::Finished(trailers));
        Ok(())
    }
}

impl Drop for OutgoingBody {
    fn drop(&mut self) {
        self.pipe.lock().end(End::Broken);
    }
}

impl Pipe {
    /// The length that must be written.
    fn expected(&self) -> Option<u64> {
        self.expected.filter(|_| !self.is_forbidden.load(Ordering::Relaxed))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Waits until a piece may be written, or the reader is gone.
    fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.is_closed || inner.pieces.have_room() {
            return Poll::Ready(());
        }
        if inner.has_reader {
            inner.writer = Some(cx.waker().clone());
        } else {
            leave(&mut inner.writer, cx.waker());
        }
        Poll::Pending
    }
}

impl Inner {
    /// The first end counts.
    fn end(&mut self, end: End) {
        self.end.get_or_insert(end);
        wake(&mut self.reader);
    }

    fn check(&self) -> StreamResult<()> {
        if self.is_closed { Err(StreamError::Closed) } else { Ok(()) }
    }
}

#[async_trait::async_trait]
impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let (expected, mismatch) = (self.0.expected(), self.0.mismatch);
        let mut inner = self.0.lock();
        inner.check()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.len() > PIECE || !inner.pieces.have_room() {
            return Err(StreamError::trap("more was written than check-write allows"));
        }
        inner.written += bytes.len() as u64;
        inner.pieces.push(bytes);
        wake(&mut inner.reader);
        match expected {
            Some(expected) if inner.written > expected => {
                Err(StreamError::LastOperationFailed(told(mismatch(Some(inner.written)))))
            }
            _ => Ok(()),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.0.lock().check()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let inner = self.0.lock();
        inner.check()?;
        Ok(if inner.pieces.have_room() { PIECE } else { 0 })
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        std::future::poll_fn(|cx| self.0.poll_room(cx)).await;
    }
}

impl Outgoing {
    /// The message is on its way, so the content has a reader.
    pub(crate) fn depart(&self) {
        self.0.lock().has_reader = true;
    }

    /// The content, if it is complete, has no trailers, and has the `expected` length.
    pub(crate) fn whole(&self, expected: Option<u64>) -> Option<Pieces> {
        let mut inner = self.0.lock();
        let is_whole = matches!(inner.end, Some(End::Finished(None)))
            && expected.is_none_or(|expected| expected == inner.pieces.size() as u64);
        is_whole.then(|| std::mem::take(&mut inner.pieces))
    }

    /// Whether the guest has finished it.
    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.0.lock().end, Some(End::Finished(_)))
    }

    /// Records whether the message has content at all.
    pub(crate) fn forbid(&self, is_forbidden: bool) {
        self.0.is_forbidden.store(is_forbidden, Ordering::Relaxed);
    }

    /// Whether there is content that was not read.
    pub(crate) fn has_content(&self) -> bool {
        !self.0.lock().pieces.is_empty()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut inner = self.0.lock();
        if let Some(piece) = inner.pieces.pop() {
            wake(&mut inner.writer);
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match &mut inner.end {
            Some(End::Finished(trailers)) => Poll::Ready(trailers.take().map(|trailers| Ok(Frame::trailers(trailers)))),
            Some(End::Broken) => Poll::Ready(Some(Err(Error::HttpProtocolError))),
            None => {
                inner.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        let inner = self.0.lock();
        matches!(inner.end, Some(End::Finished(None))) && inner.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let inner = self.0.lock();
        let size = inner.pieces.size() as u64;
        match (&inner.end, self.0.expected()) {
            (Some(End::Finished(None)), _) => SizeHint::with_exact(size),
            // Everything that was written and is not here has been read.
            (_, Some(expected)) => SizeHint::with_exact(expected.saturating_sub(inner.written - size)),
            (_, None) => SizeHint::default(),
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut inner = self.0.lock();
        inner.is_closed = true;
        inner.pieces = Pieces::default(); // the guest's end may stay for long
        wake(&mut inner.writer);
    }
}

/// An error as a stream passes it to its guest. The guest may ask for its HTTP error code, so it has the type
/// `Arc<Error>`.
pub(crate) fn told(error: impl Into<Arc<Error>>) -> wasmtime::Error {
    wasmtime::Error::new(error.into())
}

/// The maximum of bytes that are written and not read.
pub(crate) const MAX_HELD: usize = READ_AHEAD + PIECE;

/// The maximum that a guest may write at once, before it is known whether there is room for it. As `request.read`
/// takes.
const PIECE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    /// The largest number is a length too, which a guest may promise.
    #[tokio::test]
    async fn what_is_left_of_a_promise_is_known_whatever_was_promised() {
        for promised in [5, u64::MAX] {
            let (mut body, mut content) = pipe(Some(promised), Error::HttpRequestBodySize);
            let mut stream = body.stream().expect("it is taken once");
            stream.write(Bytes::from_static(b"abc")).expect("there is room");
            assert_eq!(content.size_hint().exact(), Some(promised));
            let piece = content.frame().await.expect("there is one").expect("it is well");
            assert_eq!(piece.into_data().expect("it is content"), "abc");
            assert_eq!(content.size_hint().exact(), Some(promised - 3));
            drop((stream, body));
            assert!(content.frame().await.expect("it is not whole").is_err());
        }
    }
}
