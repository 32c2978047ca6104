//! The content of an answer of a 0.3 guest, between the store that produces it and the exchange that reads it.
//!
//! wasmtime's body looks complete when its store is gone, even if the guest was cut off. So the store's side watches
//! it. As long as nobody reads, it reads one piece ahead, which also shows that a short answer is complete. Before the
//! store is dropped, it takes what is there, and so learns whether that is all.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::oneshot;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::scheduling::wake::wake;

/// The side that is read. Dropping it says that nothing more is wanted.
pub(super) struct Content(Arc<Mutex<Inner>>);

/// The side of the store.
pub(crate) struct Watch(Arc<Mutex<Inner>>);

struct Inner {
    body: WasiBody,
    /// Taken ahead.
    ahead: VecDeque<Frame<Bytes>>,
    /// The body has come to its end, good or bad: of the store nothing more is needed.
    end: Option<Result<(), Error>>,
    /// It has a reader, which sets the pace from now on.
    is_read: bool,
    /// It has no reader any more.
    is_over: bool,
    reader: Option<Waker>,
    watcher: Option<Waker>,
    /// Tells the guest whether its content was sent.
    told: Option<oneshot::Sender<Result<(), Error>>>,
}

/// The two ends of a body. `told` gets the result of reading it.
pub(super) fn watched(body: WasiBody, told: oneshot::Sender<Result<(), Error>>) -> (Content, Watch) {
    let inner = Inner {
        body,
        ahead: VecDeque::new(),
        end: None,
        is_read: false,
        is_over: false,
        reader: None,
        watcher: None,
        told: Some(told),
    };
    let inner = Arc::new(Mutex::new(inner));
    (Content(Arc::clone(&inner)), Watch(inner))
}

impl Watch {
    /// Waits until the store is not needed any more: all of the content has left it, or has no reader.
    pub(super) fn poll_done(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = lock(&self.0);
        while !inner.is_read && inner.ahead.len() < 2 && inner.end.is_none() {
            if inner.poll_ahead(cx).is_pending() {
                break;
            }
        }
        inner.poll_done(cx)
    }

    /// Takes everything that the store has ready. `true`: that was all.
    pub(super) fn settle(&self) -> bool {
        let mut inner = lock(&self.0);
        let mut cx = Context::from_waker(Waker::noop());
        while inner.end.is_none() && inner.poll_ahead(&mut cx).is_ready() {}
        wake(&mut inner.reader); // the reader must poll again, because the body keeps only the last waker
        inner.end.is_some() || inner.is_over
    }

    /// The content, if it is complete, is at most one piece without trailers, and has the `expected` length.
    pub(super) fn whole(&self, expected: Option<u64>) -> Option<Bytes> {
        let mut inner = lock(&self.0);
        if inner.is_read || !matches!(inner.end, Some(Ok(()))) || inner.ahead.len() > 1 {
            return None;
        }
        let content = match inner.ahead.front() {
            None => Bytes::new(),
            Some(frame) => frame.data_ref()?.clone(),
        };
        if expected.is_some_and(|expected| expected != content.len() as u64) {
            return None;
        }
        inner.ahead.clear();
        Some(content)
    }
}

impl Inner {
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => self.ahead.push_back(frame),
            Some(Err(error)) => self.end = Some(Err(error)),
            None => self.end = Some(Ok(())),
        }
        Poll::Ready(())
    }

    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.end.is_some() || self.is_over {
            return Poll::Ready(());
        }
        self.watcher = Some(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&mut self, result: Result<(), Error>) {
        self.is_over = true;
        if let Some(told) = self.told.take() {
            let _ = told.send(result);
        }
        wake(&mut self.watcher);
    }

    /// Everything was read but the end itself, which a server need not ask for.
    fn is_complete(&self) -> bool {
        self.ahead.is_empty() && (matches!(self.end, Some(Ok(()))) || self.body.size_hint().exact() == Some(0))
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut inner = lock(&self.0);
        inner.is_read = true;
        if inner.ahead.is_empty() && inner.end.is_none() && inner.poll_ahead(cx).is_pending() {
            inner.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if let Some(frame) = inner.ahead.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        Poll::Ready(match inner.end.replace(Ok(())) {
            Some(Err(error)) => {
                inner.finish(Err(Error::HttpProtocolError));
                Some(Err(error))
            }
            _ => {
                inner.finish(Ok(()));
                None
            }
        })
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        let mut inner = lock(&self.0);
        let result = if inner.is_complete() { Ok(()) } else { Err(Error::ConnectionTerminated) };
        inner.finish(result);
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock()
}
