//! Content that a guest reads, of a request or of a response from another server, and its trailers.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use parking_lot::{Mutex, MutexGuard};
use wasmtime_wasi::p2::{DynInputStream, InputStream, Pollable, StreamError, StreamResult};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::answer::pipe::told;

/// `incoming-body`.
pub struct IncomingBody {
    content: Arc<Mutex<Content>>,
    has_stream: bool,
}

/// What the guest reads with: an `input-stream`.
struct Stream(Arc<Mutex<Content>>);

/// `future-trailers`. `None`: they have been taken.
pub struct FutureTrailers(Option<Arc<Mutex<Content>>>);

struct Content {
    /// `None`: it has come to its end.
    body: Option<WasiBody>,
    /// Has come, and was not read yet.
    piece: Bytes,
    trailers: Option<HeaderMap>,
    /// Why it is not whole.
    failure: Option<Arc<Error>>,
    /// The stream has reported the failure.
    is_told: bool,
}

impl IncomingBody {
    /// `None`: there is none.
    pub(super) fn new(body: Option<WasiBody>) -> Self {
        let content = Content { body, piece: Bytes::new(), trailers: None, failure: None, is_told: false };
        Self { content: Arc::new(Mutex::new(content)), has_stream: true }
    }

    /// What reads it, once.
    pub(super) fn stream(&mut self) -> Option<DynInputStream> {
        std::mem::replace(&mut self.has_stream, false).then(|| Box::new(Stream(Arc::clone(&self.content))) as _)
    }

    /// The trailers. Content that was not read is skipped.
    pub(super) fn finish(self) -> FutureTrailers {
        FutureTrailers(Some(self.content))
    }
}

impl FutureTrailers {
    /// The trailers. `None`: they are not here yet; inside that, `None`: they have been taken.
    pub(super) fn take(&mut self) -> Option<Option<Result<Option<HeaderMap>, Arc<Error>>>> {
        let Some(content) = &self.0 else { return Some(None) };
        let mut content = lock(content);
        if content.poll_skip(&mut Context::from_waker(Waker::noop())).is_pending() {
            return None;
        }
        let trailers = match content.failure.take() {
            Some(failure) => Err(failure),
            None => Ok(content.trailers.take()),
        };
        drop(content);
        self.0 = None;
        Some(Some(trailers))
    }
}

impl Content {
    /// Waits until a piece is here, unless the content has ended.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.piece.is_empty() {
            let Some(body) = &mut self.body else { break };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.piece = data,
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok();
                        self.body = None;
                    }
                },
                Some(Err(error)) => {
                    self.failure = Some(Arc::new(error));
                    self.body = None;
                }
                None => self.body = None,
            }
        }
        Poll::Ready(())
    }

    /// Waits for the end, and drops what comes before it.
    fn poll_skip(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.poll_piece(cx));
            if self.piece.is_empty() {
                return Poll::Ready(());
            }
            self.piece.clear();
        }
    }
}

#[async_trait::async_trait]
impl InputStream for Stream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let mut content = lock(&self.0);
        if content.poll_piece(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Ok(Bytes::new());
        }
        if !content.piece.is_empty() {
            let size = size.min(content.piece.len());
            return Ok(content.piece.split_to(size));
        }
        match &content.failure {
            Some(failure) if !content.is_told => {
                let failure = Arc::clone(failure);
                content.is_told = true;
                Err(StreamError::LastOperationFailed(told(failure)))
            }
            _ => Err(StreamError::Closed),
        }
    }
}

#[async_trait::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {
        poll_fn(|cx| lock(&self.0).poll_piece(cx)).await;
    }
}

#[async_trait::async_trait]
impl Pollable for FutureTrailers {
    async fn ready(&mut self) {
        if let Some(content) = &self.0 {
            poll_fn(|cx| lock(content).poll_skip(cx)).await;
        }
    }
}

fn lock(content: &Mutex<Content>) -> MutexGuard<'_, Content> {
    content.lock()
}
