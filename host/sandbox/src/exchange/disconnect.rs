//! Detects that the client has disconnected, and tells the guest.
//!
//! A guest that does not import `lifetime` is not told: it is dropped where it waits. A guest that imports it is told
//! once, by the call in which it waits or because it asks. A later call that needs the client ends the guest.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::answer::Answer;

/// The call that waits ends here: the client has left.
pub(crate) struct Left;

/// Ends a guest that goes on although it was told that its client has left.
#[derive(Debug, thiserror::Error)]
#[error("the client has disconnected, and the guest was told")]
pub(crate) struct Abandoned;

/// Ends a guest that has broken its exchange off.
#[derive(Debug, thiserror::Error)]
#[error("the guest has aborted its exchange")]
pub(crate) struct BrokenOff;

/// What the guest knows of its client.
#[derive(Default)]
pub(crate) struct Disconnect {
    was_told: bool,
}

impl Disconnect {
    /// Lets a call go on, unless the guest knows already that there is nobody.
    pub(crate) fn check(&self) -> wasmtime::Result<()> {
        if self.was_told { Err(Abandoned.into()) } else { Ok(()) }
    }

    /// Whether the client has left. From now on the guest knows.
    pub(crate) fn has_left(&mut self, answer: &Answer) -> bool {
        self.was_told |= answer.is_abandoned();
        self.was_told
    }

    /// Waits, but not beyond the client's leaving.
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
