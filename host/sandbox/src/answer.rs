//! Passes an answer from the guest that writes it to the exchange that sends it.
//!
//! One slot for the head, and a few pieces of content: a guest that is faster than its client waits here. Until the
//! head is there, both sides run in one task. Afterwards a guest that still works has a task of its own.

pub(crate) mod awaited;
pub(crate) mod buffers;
pub(crate) mod collection;
pub(crate) mod file;
pub(crate) mod pieces;
#[expect(unreachable_pub, reason = "bindgen re-exports what implements a resource as `pub`")]
pub(crate) mod pipe;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use wasmtime_wasi_http::WasiBody;
use windhover_contract::Fault;

use crate::answer::buffers::{Held, Room, Waiter, counted};
use crate::answer::file::FilePart;
use crate::answer::pieces::Pieces;
use crate::answer::pipe::Outgoing;
use crate::scheduling::time_limit::TimeLimit;
use crate::scheduling::wake::wake;

/// The answer of one exchange.
pub(crate) struct Answer {
    slots: Mutex<Slots>,
    /// The time limit of the guest.
    pub(crate) time: TimeLimit,
    /// The room for its content.
    pub(crate) room: Arc<Room>,
    lacks_room: AtomicBool,
}

#[derive(Default)]
struct Slots {
    head: Option<Result<Head, Fault>>,
    /// The head is held back until the guest ends the step in which it sets the head.
    waits_for_step: bool,
    has_begun: bool,
    pieces: Pieces,
    trailers: Option<HeaderMap>,
    is_unfinished: bool,
    is_held_back: bool,
    ended: Option<Result<(), Fault>>,
    /// The guest, if it waits for room.
    writer: Option<Waker>,
    /// The exchange, if it waits for content or the end.
    reader: Option<Waker>,
    is_abandoned: bool,
    /// The guest, whatever it waits for.
    abandoned: Option<Waker>,
}

/// A head, and the kind of content that follows.
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
    /// Pieces that the guest writes ([`Answer::push`]) until it ends.
    Pieces,
    /// Content of a guest of wasi:http 0.2, which may be complete.
    Written(Outgoing),
    /// The body that a guest of wasi:http 0.3 returned.
    Stream(WasiBody),
}

impl Answer {
    pub(crate) fn new(time: TimeLimit, room: Arc<Room>) -> Self {
        Self { slots: Mutex::default(), time, room, lacks_room: AtomicBool::new(false) }
    }

    /// Holds the head back until the guest ends the step in which it sets the head. So it is known before the head is
    /// sent whether the guest reads content for which the client waits to be asked.
    pub(crate) fn wait_for_step(&self) {
        self.slots().waits_for_step = true;
    }

    /// The guest has ended a step: it waits, or has ended.
    pub(crate) fn end_step(&self) {
        let mut slots = self.slots();
        if slots.head.is_some() {
            slots.waits_for_step = false;
            wake(&mut slots.reader);
        }
    }

    /// Sets the head, or the fault in its place. `false`: one was set before, and stays.
    pub(crate) fn begin(&self, head: Result<Head, Fault>) -> bool {
        let mut slots = self.slots();
        if std::mem::replace(&mut slots.has_begun, true) {
            return false;
        }
        slots.head = Some(head);
        if !slots.waits_for_step {
            wake(&mut slots.reader);
        }
        true
    }

    /// Replaces the content of a head that is not sent yet by the complete content, if that turned out to be all.
    pub(crate) fn complete(&self, content: impl FnOnce(&Head) -> Option<Bytes>) {
        if let Some(Ok(head)) = &mut self.slots().head
            && let Some(content) = content(head)
        {
            // It has left the guest already, so nothing can wait for room.
            let held = self.room.try_take(content.len()).unwrap_or_default();
            head.content = Content::Whole(counted(content, held));
        }
    }

    /// Whether a head was set.
    pub(crate) fn has_begun(&self) -> bool {
        self.slots().has_begun
    }

    /// Sets the trailers.
    pub(crate) fn set_trailers(&self, trailers: HeaderMap) {
        self.slots().trailers = Some(trailers);
    }

    pub(crate) fn take_trailers(&self) -> Option<HeaderMap> {
        self.slots().trailers.take()
    }

    pub(crate) fn has_trailers(&self) -> bool {
        self.slots().trailers.is_some()
    }

    /// The exchange does not wait for the answer any more.
    pub(crate) fn abandon(&self) {
        let mut slots = self.slots();
        slots.is_abandoned = true;
        wake(&mut slots.abandoned);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.slots().is_abandoned
    }

    /// Waits until the exchange does not wait for the answer any more.
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

    /// Waits until the guest may write a piece of this size: it may be a little ahead of its client, if there is room,
    /// which this returns. `None`: nothing is on its way, so the guest waits for room itself.
    pub(crate) fn poll_ahead(&self, size: usize, cx: &mut Context<'_>) -> Poll<Option<Held>> {
        let mut slots = self.slots();
        let ahead = slots.pieces.size();
        if slots.pieces.is_empty() || slots.pieces.have_room() && self.room.is_small(ahead + size) {
            return Poll::Ready(None);
        }
        if slots.pieces.have_room()
            && let Some(held) = self.room.try_count(size)
        {
            return Poll::Ready(Some(held));
        }
        slots.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Bytes of content that are not sent yet.
    pub(crate) fn ahead(&self) -> u64 {
        self.slots().pieces.size() as u64
    }

    /// Adds a piece of content.
    pub(crate) fn push(&self, piece: Bytes) {
        let mut slots = self.slots();
        slots.pieces.push(piece);
        wake(&mut slots.reader);
    }

    /// Adds a piece of content when all earlier ones are taken. Until then the guest waits.
    pub(crate) fn poll_offer(&self, piece: &mut Option<Bytes>, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_flushed(cx).is_pending() {
            return Poll::Pending;
        }
        piece.take().into_iter().for_each(|piece| self.push(piece));
        Poll::Ready(())
    }

    /// The guest has ended without finishing its content.
    pub(crate) fn leave_unfinished(&self) {
        self.slots().is_unfinished = true;
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.slots().is_unfinished
    }

    /// The guest has written content but did not set the head, so nothing could read the content.
    pub(crate) fn hold_back(&self) {
        self.slots().is_held_back = true;
    }

    pub(crate) fn is_held_back(&self) -> bool {
        self.slots().is_held_back
    }

    pub(crate) fn lacks_room(&self) -> bool {
        self.lacks_room.load(Ordering::Relaxed)
    }

    /// Waits until all pieces are taken.
    pub(crate) fn poll_flushed(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut slots = self.slots();
        if !slots.pieces.is_empty() {
            slots.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(())
    }

    /// Records how the guest ended.
    pub(crate) fn end(&self, ended: Result<(), Fault>) {
        let mut slots = self.slots();
        slots.ended = Some(ended);
        wake(&mut slots.reader);
    }

    /// Waits for the head. [`Answer::begin`] wakes the task.
    pub(crate) fn poll_head(&self, cx: &mut Context<'_>) -> Poll<Result<Head, Fault>> {
        let mut slots = self.slots();
        let waits_for_step = slots.waits_for_step;
        match slots.head.take_if(|_| !waits_for_step) {
            Some(head) => Poll::Ready(head),
            None => {
                slots.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// All pieces.
    pub(crate) fn take_pieces(&self) -> Pieces {
        std::mem::take(&mut self.slots().pieces)
    }

    /// Waits for the next piece, or for the end after the last one.
    pub(crate) fn poll_piece(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        // One lock for both: a piece that another thread adds between two locks would wake no task.
        let mut slots = self.slots();
        match slots.take_piece() {
            Some(piece) => Poll::Ready(Ok(Some(piece))),
            None => slots.poll_ended(cx).map_ok(|()| None),
        }
    }

    /// Waits for the end of the guest.
    pub(crate) fn poll_ended(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        self.slots().poll_ended(cx)
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock()
    }
}

impl Waiter for Answer {
    fn has_begun(&self) -> bool {
        Self::has_begun(self)
    }

    fn lack_room(&self, lacks_room: bool) {
        self.lacks_room.store(lacks_room, Ordering::Relaxed);
    }
}

impl Slots {
    fn take_piece(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop()?;
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use super::*;
    use crate::SandboxLimits;
    use crate::answer::buffers::Buffers;

    #[test]
    fn a_guest_is_ahead_by_128_kib_where_there_is_room_and_by_less_than_16_where_there_is_none() {
        let ahead = |size: usize, has_room: bool| {
            let room = Arc::new(Room::new(&Arc::new(Buffers::new(1 << 20)), &SandboxLimits::default()));
            let _others = if has_room { None } else { room.try_count(1 << 20) };
            let answer = Answer::new(TimeLimit::begin(&SandboxLimits::default(), None), room);
            let mut cx = Context::from_waker(Waker::noop());
            let mut pieces = 0;
            while let Poll::Ready(held) = answer.poll_ahead(size, &mut cx) {
                answer.push(counted(Bytes::from(vec![0; size]), held));
                pieces += 1;
            }
            let written = pieces * size;
            (0..pieces).for_each(|_| assert!(answer.slots().take_piece().is_some()));
            assert!(answer.poll_ahead(size, &mut cx).is_ready());
            written
        };
        assert_eq!(ahead(4 << 10, true), 128 << 10);
        assert_eq!(ahead(4 << 10, false), 12 << 10);
        assert_eq!(ahead(48 << 10, true), 144 << 10);
        assert_eq!(ahead(48 << 10, false), 48 << 10);
    }

    /// As often as it takes for a moment to be hit in which a piece that is left wakes nobody: between two locks it was
    /// missed once in some ten thousand.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_piece_that_comes_from_another_thread_is_never_missed() {
        const PIECES: usize = 2_000_000;
        let room = Arc::new(Room::new(&Arc::new(Buffers::new(1 << 20)), &SandboxLimits::default()));
        let answer = Arc::new(Answer::new(TimeLimit::begin(&SandboxLimits::default(), None), room));
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
