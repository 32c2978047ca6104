//! Interim responses, which hyper does not send. They are written to the socket directly, at the one moment when that
//! is right: hyper flushes the socket only when it has nothing left to write, and while the application waits here it
//! has not responded, so nothing of the response can have been written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use http::{HeaderMap, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use windhover_contract::Informational;

/// The interim response of one connection that waits or is being sent.
#[derive(Default)]
pub(crate) struct Interim {
    /// Whether there is one. Read at every write and flush, so it is read without the lock.
    is_there: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stage: Stage,
    bytes: BytesMut,
    sender: Option<Waker>,
    /// The task that writes, while it waits for the application.
    writer: Option<Waker>,
    /// No sender waits for it any more.
    is_forgotten: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Waits,
    /// Its first bytes are written: nothing else may be written before its last.
    IsUnderWay,
    IsOut,
}

impl Interim {
    /// Has the writing task woken when there is something to write: the application may run in another task.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        match &mut self.state().writer {
            Some(writer) => writer.clone_from(cx.waker()),
            writer => *writer = Some(cx.waker().clone()),
        }
    }

    /// The final response is ready. An interim response that has not begun must not follow it; one that has begun must
    /// still be completed.
    pub(crate) fn forget(&self) {
        if !self.is_there() {
            return;
        }
        let mut state = self.state();
        state.sender = None;
        match state.stage {
            Stage::Idle => {}
            Stage::IsUnderWay => state.is_forgotten = true,
            Stage::Waits | Stage::IsOut => {
                state.bytes.clear();
                state.stage = Stage::Idle;
                self.is_there.store(false, Ordering::Release);
            }
        }
    }

    fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// Whether the rest of an interim response must be written before anything else.
    pub(crate) fn is_under_way(&self) -> bool {
        self.is_there() && self.state().stage == Stage::IsUnderWay
    }

    /// Writes what waits. Ready: nothing waits any more.
    pub(crate) fn poll_write<E>(&self, mut write: impl FnMut(&[u8]) -> Poll<Result<usize, E>>) -> Poll<Result<(), E>> {
        if !self.is_there() {
            return Poll::Ready(Ok(()));
        }
        let mut state = self.state();
        if !matches!(state.stage, Stage::Waits | Stage::IsUnderWay) {
            return Poll::Ready(Ok(()));
        }
        while !state.bytes.is_empty() {
            match write(&state.bytes) {
                Poll::Ready(Ok(written)) => state.bytes.advance(written),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => return Poll::Pending,
            }
            state.stage = Stage::IsUnderWay;
        }
        // A sent response stays until its sender has learned of it.
        let is_forgotten = std::mem::take(&mut state.is_forgotten);
        state.stage = if is_forgotten { Stage::Idle } else { Stage::IsOut };
        self.is_there.store(!is_forgotten, Ordering::Release);
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Informational for Interim {
    /// Queues an interim response. Ready when it has been sent.
    fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()> {
        let mut state = self.state();
        match state.stage {
            Stage::Idle => {
                encode(&mut state.bytes, status, fields);
                state.stage = Stage::Waits;
                self.is_there.store(true, Ordering::Release);
                if let Some(writer) = state.writer.take_if(|writer| !writer.will_wake(cx.waker())) {
                    writer.wake();
                }
            }
            Stage::Waits | Stage::IsUnderWay => {}
            Stage::IsOut => {
                state.stage = Stage::Idle;
                self.is_there.store(false, Ordering::Release);
                return Poll::Ready(());
            }
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// RFC 9112 §4: a status line, fields, an empty line.
fn encode(bytes: &mut BytesMut, status: StatusCode, fields: &HeaderMap) {
    bytes.extend_from_slice(b"HTTP/1.1 ");
    bytes.extend_from_slice(status.as_str().as_bytes());
    bytes.extend_from_slice(b" ");
    bytes.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    bytes.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes to `out` as much as there is room.
    fn write(interim: &Interim, out: &mut Vec<u8>, room: usize) -> Poll<Result<(), ()>> {
        let end = out.len() + room;
        interim.poll_write(|bytes| match bytes.len().min(end - out.len()) {
            0 => Poll::Pending,
            size => {
                out.extend_from_slice(&bytes[..size]);
                Poll::Ready(Ok(size))
            }
        })
    }

    fn send(interim: &Interim) -> Poll<()> {
        interim.poll_send(&mut Context::from_waker(Waker::noop()), StatusCode::EARLY_HINTS, &HeaderMap::new())
    }

    const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\n\r\n";

    #[test]
    fn one_after_the_other_is_sent_whole() {
        let (interim, mut out) = (Interim::default(), Vec::new());
        for _ in 0..2 {
            assert_eq!(send(&interim), Poll::Pending);
            assert_eq!(write(&interim, &mut out, 5), Poll::Pending);
            assert!(interim.is_under_way());
            assert_eq!((send(&interim), write(&interim, &mut out, 100)), (Poll::Pending, Poll::Ready(Ok(()))));
            assert_eq!((send(&interim), interim.is_under_way()), (Poll::Ready(()), false));
        }
        assert_eq!(out, [HINTS, HINTS].concat());
    }

    #[test]
    fn what_has_not_begun_does_not_follow_the_answer() {
        let (interim, mut out) = (Interim::default(), Vec::new());
        assert_eq!((send(&interim), write(&interim, &mut out, 0)), (Poll::Pending, Poll::Pending));
        interim.forget();
        assert_eq!((write(&interim, &mut out, 100), out.len()), (Poll::Ready(Ok(())), 0));
        // The next exchange's is sent, and not taken for this one.
        assert_eq!((send(&interim), write(&interim, &mut out, 100)), (Poll::Pending, Poll::Ready(Ok(()))));
        assert_eq!((send(&interim), out.as_slice()), (Poll::Ready(()), HINTS));
    }

    #[test]
    fn what_has_begun_is_finished_and_not_taken_for_the_next() {
        let (interim, mut out) = (Interim::default(), Vec::new());
        assert_eq!((send(&interim), write(&interim, &mut out, 5)), (Poll::Pending, Poll::Pending));
        interim.forget();
        assert!(interim.is_under_way());
        assert_eq!((write(&interim, &mut out, 100), out.as_slice()), (Poll::Ready(Ok(())), HINTS));
        assert_eq!(send(&interim), Poll::Pending);
    }
}
