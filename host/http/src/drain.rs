//! That the server leaves, as connections hear of it.

use std::time::Duration;

use tokio::sync::watch;

/// Says that the server leaves. Dropping it says so too.
pub(crate) struct Drain(watch::Sender<bool>);

/// Hears that the server leaves.
#[derive(Clone)]
pub(crate) struct Draining(watch::Receiver<bool>);

impl Drain {
    pub(crate) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Draining(receiver))
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Draining {
    /// Ends when draining begins, or when nobody is left who could begin it.
    pub(crate) async fn begun(&mut self) {
        let _ = self.0.wait_for(|draining| *draining).await;
    }
}

/// What a client that has connected and not said a word yet has left to begin when the server drains: most often its
/// request is on its way.
pub(crate) const FIRST_CHANCE: Duration = Duration::from_millis(100);

/// What a client that is in the middle of a head has left to complete it when the server drains.
pub(crate) const LAST_CHANCE: Duration = Duration::from_secs(1);
