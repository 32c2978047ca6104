//! Where a guest leaves its answer and the exchange picks it up.
//!
//! One slot for the head and one for a piece of content: a guest that is faster than its client waits here. While the
//! head is awaited both sides are the same task; afterwards a guest that is still at work has a task of its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use windhover_contract::Fault;

use crate::buffers::{Room, counted};
use crate::file::FilePart;
use crate::time_limit::TimeLimit;

/// The answer of one exchange, on its way.
pub(crate) struct Answer {
    slots: Mutex<Slots>,
    /// How long the guest may work on it.
    pub(crate) time: TimeLimit,
    /// Where its content has room.
    pub(crate) room: Arc<Room>,
    lacks_room: AtomicBool,
}

#[derive(Default)]
struct Slots {
    head: Option<Result<Head, Fault>>,
    has_begun: bool,
    piece: Option<Bytes>,
    trailers: Option<HeaderMap>,
    is_unfinished: bool,
    is_held_back: bool,
    ended: Option<Result<(), Fault>>,
    /// The guest, which waits for room.
    writer: Option<Waker>,
    /// The exchange, which waits for content or the end.
    reader: Option<Waker>,
    is_abandoned: bool,
    /// The guest, in whatever it waits for.
    abandoned: Option<Waker>,
}

/// A head with the kind of content that belongs to it.
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) content: Content,
}

/// The content of an answer.
pub(crate) enum Content {
    /// All of it.
    Whole(Bytes),
    /// A part of a file.
    File(FilePart),
    /// It comes through [`Answer::poll_offer`], piece by piece, until the guest ends.
    Pieces,
    /// It comes from a wasi:http guest's own body.
    Stream(HyperOutgoingBody),
}

impl Answer {
    pub(crate) fn new(time: TimeLimit, room: Arc<Room>) -> Self {
        Self { slots: Mutex::default(), time, room, lacks_room: AtomicBool::new(false) }
    }

    /// Leaves the head, or the fault instead of one. `false`: there was one before, which stands.
    pub(crate) fn begin(&self, head: Result<Head, Fault>) -> bool {
        let mut slots = self.slots();
        if std::mem::replace(&mut slots.has_begun, true) {
            return false;
        }
        slots.head = Some(head);
        wake(&mut slots.reader);
        true
    }

    /// Gives a head that nobody has taken yet other content: all of it, where it turned out that there is no more.
    pub(crate) fn complete(&self, content: impl FnOnce(&HeaderMap) -> Option<Bytes>) {
        if let Some(Ok(head)) = &mut self.slots().head
            && let Some(content) = content(&head.fields)
        {
            // It has left the guest already, so there is nobody who could wait.
            let held = self.room.try_take(content.len()).unwrap_or_default();
            head.content = Content::Whole(counted(content, held));
        }
    }

    /// Whether a head was left.
    pub(crate) fn has_begun(&self) -> bool {
        self.slots().has_begun
    }

    /// Leaves what is sent behind the content.
    pub(crate) fn set_trailers(&self, trailers: HeaderMap) {
        self.slots().trailers = Some(trailers);
    }

    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        self.slots().trailers.take()
    }

    pub(crate) fn has_trailers(&self) -> bool {
        self.slots().trailers.is_some()
    }

    /// Says that nobody waits for the answer any more.
    pub(crate) fn abandon(&self) {
        let mut slots = self.slots();
        slots.is_abandoned = true;
        wake(&mut slots.abandoned);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.slots().is_abandoned
    }

    /// Waits until nobody waits for the answer any more.
    pub(crate) fn poll_abandoned(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.slots();
        if slots.is_abandoned {
            return Poll::Ready(());
        }
        match &mut slots.abandoned {
            Some(waker) => waker.clone_from(cx.waker()),
            waker => *waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Leaves a piece of content if the last one has been taken; else the guest must wait.
    pub(crate) fn poll_offer(&self, piece: &mut Option<Bytes>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_flushed(cx).is_pending() {
            return Poll::Pending;
        }
        let mut slots = self.slots();
        slots.piece = piece.take();
        wake(&mut slots.reader);
        Poll::Ready(())
    }

    /// Says that the guest has ended and left its content unfinished.
    pub(crate) fn leave_unfinished(&self) {
        self.slots().is_unfinished = true;
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.slots().is_unfinished
    }

    /// Says that the guest has written content for a head that it has not left: nobody could read it.
    pub(crate) fn hold_back(&self) {
        self.slots().is_held_back = true;
    }

    pub(crate) fn is_held_back(&self) -> bool {
        self.slots().is_held_back
    }

    /// Says whether the guest waits for room for content.
    pub(crate) fn lack_room(&self, lacks_room: bool) {
        self.lacks_room.store(lacks_room, Ordering::Relaxed);
    }

    pub(crate) fn lacks_room(&self) -> bool {
        self.lacks_room.load(Ordering::Relaxed)
    }

    /// Waits until every piece has been taken.
    pub(crate) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.slots();
        if slots.piece.is_some() {
            slots.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Says how the guest ended.
    pub(crate) fn end(&self, ended: Result<(), Fault>) {
        let mut slots = self.slots();
        slots.ended = Some(ended);
        wake(&mut slots.reader);
    }

    /// Waits for the head; where it is not there yet, whoever leaves it wakes.
    pub(crate) fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Head, Fault>> {
        let mut slots = self.slots();
        match slots.head.take() {
            Some(head) => Poll::Ready(head),
            None => {
                slots.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    pub(crate) fn take_piece(&self) -> Option<Bytes> {
        self.slots().take_piece()
    }

    /// Waits for the next piece, or for the end behind the last.
    pub(crate) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        // One lock for both: what a guest on another thread left between two would wake nobody.
        let mut slots = self.slots();
        match slots.take_piece() {
            Some(piece) => Poll::Ready(Ok(Some(piece))),
            None => slots.poll_ended(cx).map_ok(|()| None),
        }
    }

    /// Waits for the guest's end.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.slots().poll_ended(cx)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().expect("nothing panics while it holds this lock")
    }
}

impl Slots {
    fn take_piece(&mut self) -> Option<Bytes> {
        let piece = self.piece.take()?;
        wake(&mut self.writer);
        Some(piece)
    }

    fn poll_ended(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match &self.ended {
            Some(ended) => Poll::Ready(ended.clone()),
            None => {
                self.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Wakes who waits, if anybody does.
pub(crate) fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;
    use crate::SandboxLimits;
    use crate::buffers::Buffers;

    /// As often as it takes for a moment to be hit in which a piece that is left wakes nobody: between two locks it was
    /// missed once in some ten thousand.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_piece_that_comes_from_another_thread_is_never_missed() {
        const PIECES: usize = 2_000_000;
        let room = Arc::new(Room::new(&Arc::new(Buffers::new(1 << 20)), &SandboxLimits::default()));
        let answer = Arc::new(Answer::new(TimeLimit::begin(Duration::MAX, Duration::MAX), room));
        let writer = Arc::clone(&answer);
        let writing = tokio::spawn(async move {
            for _ in 0..PIECES {
                let mut piece = Some(Bytes::from_static(b"x"));
                poll_fn(|cx| writer.poll_offer(&mut piece, cx)).await;
            }
            poll_fn(|cx| writer.poll_flushed(cx)).await;
            writer.end(Ok(()));
        });
        let reading = tokio::spawn(async move {
            let mut pieces = 0;
            while poll_fn(|cx| answer.poll_piece(cx)).await.expect("the writer ends well").is_some() {
                pieces += 1;
            }
            pieces
        });
        let pieces = tokio::time::timeout(Duration::from_secs(60), reading).await.expect("a piece was missed");
        assert_eq!(pieces.expect("it does not panic"), PIECES);
        writing.await.expect("it does not panic");
    }
}
