//! The content of an answer whose guest is still at work: asking for the next frame lets the guest work.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tracing::{debug, warn};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use windhover_contract::{Fault, GuestFault};

use crate::answer::Answer;
use crate::run::Run;

/// Content under way. Dropping it cancels the guest, unless all of the content has been taken.
pub(crate) struct Streaming {
    source: Source,
    /// `None`: ended, in whatever way.
    run: Option<Run>,
    /// What must still come, where the guest promised a length.
    expected: Option<u64>,
}

/// Where the content comes from.
pub(crate) enum Source {
    /// What the guest offers, until it ends.
    Pieces(Arc<Answer>),
    /// A wasi:http body, until it ends.
    Stream(HyperOutgoingBody),
}

impl Streaming {
    pub(crate) fn new(source: Source, run: Run, expected: Option<u64>) -> Self {
        Self { source, run: Some(run), expected }
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
                self.run.take().map(Run::detach);
                Poll::Ready(None)
            }
        }
    }

    fn fail(&mut self, fault: Fault) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        self.run = None;
        Poll::Ready(Some(Err(fault)))
    }
}

impl Body for Streaming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let this = &mut *self;
        let Some(run) = &mut this.run else { return Poll::Ready(None) };
        match &mut this.source {
            Source::Pieces(answer) => {
                if let Some(piece) = answer.take_piece() {
                    return this.pass(Frame::data(piece));
                }
                let ended = run.poll(cx);
                if let Some(piece) = answer.take_piece() {
                    return this.pass(Frame::data(piece)); // an end, good or bad, is asked for again next time
                }
                match ended {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Ok(())) => this.end(),
                    Poll::Ready(Err(fault)) => this.fail(fault),
                }
            }
            Source::Stream(body) => {
                if let Poll::Ready(Err(fault)) = run.poll(cx) {
                    return this.fail(fault);
                }
                match Pin::new(body).poll_frame(cx) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(None) => this.end(),
                    Poll::Ready(Some(Ok(frame))) => this.pass(frame),
                    Poll::Ready(Some(Err(error))) => {
                        debug!(?error, "the guest broke off its content");
                        this.fail(GuestFault::Reported.into())
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.run.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.expected.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Streaming {
    /// A server that has sent as much as was promised need not ask for the end; then the guest is not to be cancelled.
    fn drop(&mut self) {
        if self.expected == Some(0) {
            self.run.take().map(Run::detach);
        }
    }
}
