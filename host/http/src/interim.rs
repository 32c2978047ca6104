//! Interim responses, which hyper does not send: they go to the socket behind hyper's back, at the one moment when that is
//! right. hyper flushes the socket only when it has nothing left to write; as long as the application waits here it has
//! not answered, so nothing of the answer can have been written.

use std::sync::{Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use bytes::{Buf, BytesMut};
use http::{HeaderMap, StatusCode};

/// The interim response of one connection that is on its way.
#[derive(Default)]
pub(crate) struct Interim(Mutex<State>);

#[derive(Default)]
struct State {
    stage: Stage,
    octets: BytesMut,
    sender: Option<Waker>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Idle,
    Waits,
    /// Its first octets are out: nothing else may be written before its last.
    IsUnderWay,
    IsOut,
}

impl Interim {
    /// Hands over an interim response, and is ready when it is out.
    pub(crate) fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()> {
        let mut state = self.state();
        match state.stage {
            Stage::Idle => {
                encode(&mut state.octets, status, fields);
                state.stage = Stage::Waits;
            }
            Stage::Waits | Stage::IsUnderWay => {}
            Stage::IsOut => {
                state.stage = Stage::Idle;
                return Poll::Ready(());
            }
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Whether something must be written before anything else.
    pub(crate) fn is_under_way(&self) -> bool {
        self.state().stage == Stage::IsUnderWay
    }

    /// Writes what waits. Ready: nothing waits any more.
    pub(crate) fn poll_write<E>(&self, mut write: impl FnMut(&[u8]) -> Poll<Result<usize, E>>) -> Poll<Result<(), E>> {
        let mut state = self.state();
        if !matches!(state.stage, Stage::Waits | Stage::IsUnderWay) {
            return Poll::Ready(Ok(()));
        }
        while !state.octets.is_empty() {
            match write(&state.octets) {
                Poll::Ready(Ok(written)) => state.octets.advance(written),
                Poll::Ready(Err(failure)) => return Poll::Ready(Err(failure)),
                Poll::Pending => return Poll::Pending,
            }
            state.stage = Stage::IsUnderWay;
        }
        state.stage = Stage::IsOut;
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nothing panics while it holds this lock")
    }
}

/// RFC 9112 §4: a status line, fields, an empty line.
fn encode(octets: &mut BytesMut, status: StatusCode, fields: &HeaderMap) {
    octets.extend_from_slice(b"HTTP/1.1 ");
    octets.extend_from_slice(status.as_str().as_bytes());
    octets.extend_from_slice(b" ");
    octets.extend_from_slice(status.canonical_reason().unwrap_or("").as_bytes());
    octets.extend_from_slice(b"\r\n");
    for (name, value) in fields {
        octets.extend_from_slice(name.as_str().as_bytes());
        octets.extend_from_slice(b": ");
        octets.extend_from_slice(value.as_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    octets.extend_from_slice(b"\r\n");
}
