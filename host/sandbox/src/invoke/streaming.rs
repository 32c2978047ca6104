//! Streams the content of an answer while the guest may still produce it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;
use tracing::warn;
use wasmtime_wasi_http::WasiBody;
use windhover_contract::{Fault, GuestFault};

use crate::answer::Answer;
use crate::answer::buffers::{Held, counted};
use crate::exchange::log_id::LogId;
use crate::invoke::run::{Run, Working};

/// Content in progress. Dropping it cancels the guest, unless all of the content was taken.
pub(crate) struct Streaming {
    /// For the log.
    name: Arc<str>,
    id: LogId,
    answer: Arc<Answer>,
    source: Source,
    /// Content of a wasi:http guest that waits for room.
    waiting: Option<Waiting>,
    /// The guest's task. `None`: it has ended.
    guest: Option<Working>,
    /// Bytes that must still follow, if the guest announced a length.
    expected: Option<u64>,
    /// Nothing can follow.
    is_complete: bool,
    /// The end was reported, good or bad.
    is_over: bool,
    /// Whether the time limit counts the guest as silent.
    is_silent: bool,
}

/// The source of the content.
pub(crate) enum Source {
    /// Pieces that the guest writes, until it ends.
    Pieces,
    /// A wasi:http body, until it ends.
    Stream(WasiBody),
}

/// A frame that waits for room.
struct Waiting {
    frame: Frame<Bytes>,
    /// `None`: not requested yet.
    room: Option<Pin<Box<dyn Future<Output = Option<Held>> + Send>>>,
}

type NextFrame = Poll<Option<Result<Frame<Bytes>, Fault>>>;

impl Streaming {
    pub(crate) fn new(
        name: Arc<str>,
        answer: Arc<Answer>,
        source: Source,
        mut run: Run,
        expected: Option<u64>,
    ) -> Self {
        if let Source::Pieces = source {
            run.make_content();
        }
        let (id, guest) = (run.id().clone(), run.spawn());
        Self {
            name,
            id,
            answer,
            source,
            waiting: None,
            guest,
            expected,
            is_complete: false,
            is_over: false,
            is_silent: true,
        }
    }

    /// Runs the guest to its end, and discards its content, which does not count as a sign of life.
    pub(crate) async fn discard(mut self) {
        while let Some(Ok(_)) = poll_fn(|cx| self.poll_next(cx)).await {
            // A guest that always has a next piece never waits, so the loop yields.
            tokio::task::yield_now().await;
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> NextFrame {
        match self.source {
            _ if self.is_over => Poll::Ready(None),
            Source::Pieces => self.poll_pieces(cx),
            Source::Stream(_) => self.poll_stream(cx),
        }
    }

    /// Tells the time limit whether the server waits for the guest.
    fn notice(&mut self, is_silent: bool) {
        if std::mem::replace(&mut self.is_silent, is_silent) == is_silent {
            return;
        }
        match is_silent {
            true => self.answer.time.fall_silent(Instant::now()),
            false => self.answer.time.break_silence(),
        }
    }

    fn poll_pieces(&mut self, cx: &mut Context<'_>) -> NextFrame {
        match ready!(self.answer.poll_piece(cx)) {
            Ok(Some(piece)) => self.pass(Frame::data(piece)),
            Ok(None) => match self.answer.take_trailers() {
                Some(trailers) => self.pass(Frame::trailers(trailers)),
                None => self.end(),
            },
            Err(fault) => self.fail(fault),
        }
    }

    /// A finished body is complete, whatever happens to its guest afterwards. An unfinished one is not, even if the
    /// guest reports success.
    fn poll_stream(&mut self, cx: &mut Context<'_>) -> NextFrame {
        let Source::Stream(body) = &mut self.source else { return Poll::Ready(None) };
        if let Some(frame) = self.waiting.take() {
            return self.pass_with_room(frame, cx);
        }
        let mut next = Pin::new(&mut *body).poll_frame(cx);
        if next.is_pending() && self.answer.poll_ended(cx).is_ready() {
            // A guest on another thread may have written its last piece since.
            next = Pin::new(body).poll_frame(cx);
        }
        match next {
            Poll::Ready(Some(Ok(frame))) => self.pass_with_room(Waiting { frame, room: None }, cx),
            Poll::Ready(None) if !self.answer.is_unfinished() => self.end(),
            Poll::Ready(Some(Err(error))) if !self.answer.is_unfinished() => {
                warn!(app = %self.name, id = %self.id, "the guest aborted its content, or did not finish it: {error:?}");
                self.fail(GuestFault::Reported.into())
            }
            // The guest has ended, or was ended in a wait. Nothing follows.
            Poll::Ready(None | Some(Err(_))) => match ready!(self.answer.poll_ended(cx)) {
                Err(fault) => self.fail(fault),
                Ok(()) => {
                    warn!(app = %self.name, id = %self.id, "the guest ended without finishing its content");
                    self.fail(GuestFault::Reported.into())
                }
            },
            Poll::Pending => match ready!(self.answer.poll_ended(cx)) {
                Err(fault) => self.fail(fault),
                Ok(()) => self.fail(GuestFault::Reported.into()),
            },
        }
    }

    /// Passes a frame on when there is room. The host holds the frame already, but the guest waits meanwhile. Once the
    /// guest has ended, there is nothing to wait for.
    fn pass_with_room(&mut self, mut waiting: Waiting, cx: &mut Context<'_>) -> NextFrame {
        let Some(data) = waiting.frame.data_ref() else { return self.pass(waiting.frame) };
        let room = match (&mut waiting.room, self.answer.room.try_take(data.len())) {
            (None, Ok(held)) => return self.pass(waiting.frame.map_data(|data| counted(data, held))),
            (room, _) => room.get_or_insert_with(|| {
                let (size, answer) = (data.len(), Arc::clone(&self.answer));
                // Its answer has begun, so the wait has no limit of its own.
                Box::pin(async move { answer.room.take(size, &*answer).await.unwrap_or_default() })
            }),
        };
        let held = match room.as_mut().poll(cx) {
            Poll::Ready(held) => held,
            Poll::Pending if self.answer.poll_ended(cx).is_ready() => None,
            Poll::Pending => {
                self.waiting = Some(waiting);
                return Poll::Pending;
            }
        };
        self.pass(waiting.frame.map_data(|data| counted(data, held)))
    }

    fn pass(&mut self, frame: Frame<Bytes>) -> NextFrame {
        if let (Some(expected), Some(data)) = (&mut self.expected, frame.data_ref()) {
            let Some(left) = expected.checked_sub(data.len() as u64) else {
                warn!(app = %self.name, id = %self.id, "the guest wrote more than its content-length");
                return self.fail(GuestFault::ContentLengthMismatch.into());
            };
            *expected = left;
        }
        self.is_complete = self.expected == Some(0) || frame.is_trailers();
        Poll::Ready(Some(Ok(frame)))
    }

    fn end(&mut self) -> NextFrame {
        if let Some(missing @ 1..) = self.expected {
            warn!(app = %self.name, id = %self.id, "the guest ended {missing} bytes short of its content-length");
            return self.fail(GuestFault::ContentLengthMismatch.into());
        }
        (self.is_complete, self.is_over) = (true, true);
        Poll::Ready(None)
    }

    fn fail(&mut self, fault: Fault) -> NextFrame {
        self.is_over = true;
        Poll::Ready(Some(Err(fault)))
    }
}

impl Body for Streaming {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> NextFrame {
        let next = self.poll_next(cx);
        // After a frame the server waits for the client, until it asks for more.
        self.notice(!matches!(next, Poll::Ready(Some(Ok(_)))));
        next
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }

    fn size_hint(&self) -> SizeHint {
        self.expected.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Streaming {
    /// A server that has sent everything need not ask for the end, and then the guest is not cancelled.
    fn drop(&mut self) {
        self.notice(true);
        if let Some(guest) = self.guest.take().filter(|_| !self.is_complete) {
            guest.abandon();
        }
    }
}
