//! The content of an answer whose guest is still at work: asking for the next frame lets the guest work.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tracing::{debug, warn};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use windhover_contract::{Fault, GuestFault};

use crate::answer::Answer;
use crate::run::Run;

/// Content under way. Dropping it cancels the guest, unless all of the content has been taken.
pub(crate) struct Streaming {
    source: Source,
    /// Shared with the watchdog alone.
    run: Arc<Mutex<Shared>>,
    watchdog: Option<AbortHandle>,
    is_over: bool,
    /// What must still come, where the guest promised a length.
    expected: Option<u64>,
}

/// The guest's run, as long as it lasts.
enum Shared {
    Running(Run),
    /// Its time was over while nobody asked for content.
    Exceeded(Fault),
    Over,
}

/// Where the content comes from.
pub(crate) enum Source {
    /// What the guest offers, until it ends.
    Pieces(Arc<Answer>),
    /// A wasi:http body, until it ends.
    Stream(HyperOutgoingBody),
}

impl Source {
    fn take_piece(&self) -> Option<Bytes> {
        match self {
            Self::Pieces(answer) => answer.take_piece(),
            Self::Stream(_) => None,
        }
    }
}

impl Streaming {
    pub(crate) fn new(source: Source, run: Run, expected: Option<u64>) -> Self {
        let deadline = run.deadline();
        let run = Arc::new(Mutex::new(Shared::Running(run)));
        let watchdog = deadline.and_then(|deadline| watch(&run, deadline));
        Self { source, run, watchdog, is_over: false, expected }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.run)
    }

    /// Takes the run, if it is still there.
    fn take(&mut self) -> Option<Run> {
        self.is_over = true;
        self.watchdog.take().inspect(AbortHandle::abort);
        match std::mem::replace(&mut *self.shared(), Shared::Over) {
            Shared::Running(run) => Some(run),
            Shared::Exceeded(_) | Shared::Over => None,
        }
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let (Some(expected), Some(data)) = (&mut self.expected, frame.data_ref()) {
            *expected = expected.saturating_sub(data.len() as u64); // more than promised was refused before
        }
        Poll::Ready(Some(Ok(frame)))
    }

    fn end(&mut self) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match self.expected {
            Some(missing @ 1..) => {
                warn!("the guest ended {missing} bytes short of the content-length it gave");
                self.fail(GuestFault::ContentLengthMismatch.into())
            }
            _ => {
                if let Some(run) = self.take() {
                    run.detach();
                }
                Poll::Ready(None)
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        drop(self.take());
        Poll::Ready(Some(Err(fault)))
    }

    /// Lets the guest work.
    fn work(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match &mut *self.shared() {
            Shared::Running(run) => run.poll(cx),
            Shared::Exceeded(fault) => Poll::Ready(Err(fault.clone())),
            Shared::Over => Poll::Ready(Ok(())),
        }
    }
}

/// Ends the run at its deadline even if nobody asks for content: a client that reads nothing keeps the server from
/// asking, and must not keep an instance by it.
fn watch(run: &Arc<Mutex<Shared>>, deadline: Instant) -> Option<AbortHandle> {
    let run = Arc::downgrade(run);
    let runtime = tokio::runtime::Handle::try_current().ok()?;
    let watchdog = runtime.spawn(async move {
        tokio::time::sleep_until(deadline).await;
        if let Some(run) = run.upgrade() {
            let mut shared = lock(&run);
            if let Shared::Running(run) = &*shared {
                *shared = Shared::Exceeded(run.exceeded());
            }
        }
    });
    Some(watchdog.abort_handle())
}

fn lock(run: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    run.lock().unwrap_or_else(PoisonError::into_inner) // a panic inside a poll has ended that run; nothing is half done
}

impl Body for Streaming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        // What is there already goes first.
        if let Some(piece) = self.source.take_piece() {
            return self.pass(Frame::data(piece));
        }
        let ended = self.work(cx);
        match &mut self.source {
            Source::Pieces(answer) => match (answer.take_piece(), ended) {
                (Some(piece), _) => self.pass(Frame::data(piece)), // an end, good or bad, is met next time
                (None, Poll::Pending) => Poll::Pending,
                (None, Poll::Ready(Ok(()))) => self.end(),
                (None, Poll::Ready(Err(fault))) => self.fail(fault),
            },
            Source::Stream(body) => match (ended, Pin::new(body).poll_frame(cx)) {
                (Poll::Ready(Err(fault)), _) => self.fail(fault),
                (_, Poll::Pending) => Poll::Pending,
                (_, Poll::Ready(None)) => self.end(),
                (_, Poll::Ready(Some(Ok(frame)))) => self.pass(frame),
                (_, Poll::Ready(Some(Err(error)))) => {
                    debug!(?error, "the guest broke off its content");
                    self.fail(GuestFault::Reported.into())
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.expected.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Streaming {
    /// A server that has sent as much as was promised need not ask for the end; then the guest is not to be cancelled.
    fn drop(&mut self) {
        let is_complete = self.expected == Some(0);
        if let Some(run) = self.take().filter(|_| is_complete) {
            run.detach();
        }
    }
}
