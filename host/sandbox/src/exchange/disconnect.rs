//! Detects that the client has disconnected, and tells the guest.
//!
//! A guest that does not import `lifetime` is not told: it is dropped where it waits. A guest that imports it is told
//! once, by the call in which it waits or because it asks. A later call that needs the client ends the guest.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::answer::Answer;

/// The client has disconnected, so the call does not wait any longer.
pub(crate) struct Left;

/// Ends a guest that goes on although it was told that its client has disconnected.
#[derive(Debug, thiserror::Error)]
#[error("the client has disconnected, and the guest was told")]
pub(crate) struct Abandoned;

/// Ends a guest that has aborted its exchange.
#[derive(Debug, thiserror::Error)]
#[error("the guest has aborted its exchange")]
pub(crate) struct BrokenOff;

/// Whether the guest knows that its client has disconnected.
#[derive(Default)]
pub(crate) struct Disconnect {
    was_told: bool,
}

impl Disconnect {
    /// Fails if the guest knows that its client has disconnected.
    pub(crate) fn check(&self) -> wasmtime::Result<()> {
        if self.was_told { Err(Abandoned.into()) } else { Ok(()) }
    }

    /// Whether the client has disconnected. If so, the guest knows it from now on.
    pub(crate) fn has_left(&mut self, answer: &Answer) -> bool {
        self.was_told |= answer.is_abandoned();
        self.was_told
    }

    /// Waits, but not longer than the client is connected.
    pub(crate) async fn wait<T>(
        &mut self,
        answer: &Answer,
        wait: impl Future<Output = T>,
    ) -> wasmtime::Result<Result<T, Left>> {
        self.check()?;
        let mut wait = pin!(wait);
        let waited = poll_fn(|cx| match wait.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Ok(done)),
            Poll::Pending => answer.poll_abandoned(cx).map(|()| Err(Left)),
        })
        .await;
        self.was_told |= waited.is_err();
        Ok(waited)
    }
}
