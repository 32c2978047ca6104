//! Where a guest leaves its answer and the exchange picks it up.
//!
//! Both sides are polled by the same task, the guest always first, so nobody needs waking: what the guest leaves is
//! found when it next waits. The lock is never contended; it is there because a store must be `Send`.

use std::sync::{Mutex, MutexGuard};
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use windhover_contract::Fault;

/// The answer of one exchange, on its way.
#[derive(Default)]
pub(crate) struct Answer(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    head: Option<Result<Head, Fault>>,
    piece: Option<Bytes>,
    is_unfinished: bool,
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
    /// It comes through [`Answer::offer`], piece by piece, until the guest ends.
    Pieces,
    /// It comes from a wasi:http guest's outgoing body.
    Stream(HyperOutgoingBody),
}

impl Answer {
    /// Leaves the head, or the fault instead of one.
    pub(crate) fn begin(&self, head: Result<Head, Fault>) {
        self.slots().head = Some(head);
    }

    /// Leaves a piece of content if the last one has been taken; else the guest must wait.
    pub(crate) fn offer(&self, piece: &mut Option<Bytes>) -> Poll<()> {
        let mut slots = self.slots();
        if slots.piece.is_some() {
            return Poll::Pending;
        }
        slots.piece = piece.take();
        Poll::Ready(())
    }

    /// Says that the guest has ended and left its content unfinished.
    pub(crate) fn leave_unfinished(&self) {
        self.slots().is_unfinished = true;
    }

    pub(crate) fn is_unfinished(&self) -> bool {
        self.slots().is_unfinished
    }

    /// Whether every piece has been taken.
    pub(crate) fn is_flushed(&self) -> bool {
        self.slots().piece.is_none()
    }

    pub(crate) fn take_head(&self) -> Option<Result<Head, Fault>> {
        self.slots().head.take()
    }

    pub(crate) fn take_piece(&self) -> Option<Bytes> {
        self.slots().piece.take()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}
