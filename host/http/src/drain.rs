//! That the server leaves, or one of its endpoints does, as connections hear of it.

use std::time::Duration;

use tokio::sync::watch;

/// Says that something leaves. Dropping it says so too.
#[derive(Debug)]
pub(crate) struct Drain(watch::Sender<bool>);

/// Hears that something leaves, or either of two.
#[derive(Clone, Debug)]
pub(crate) struct Draining {
    own: watch::Receiver<bool>,
    other: Option<watch::Receiver<bool>>,
}

impl Drain {
    pub(crate) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Draining { own: receiver, other: None })
    }

    pub(crate) fn begin(&self) {
        self.0.send_replace(true);
    }
}

impl Draining {
    /// Hears of the other one too.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self { other: Some(other.own.clone()), ..self }
    }

    /// Ends when draining begins, or when nobody is left who could begin it.
    pub(crate) async fn begun(&mut self) {
        let other = async {
            match &mut self.other {
                Some(other) => drop(other.wait_for(|draining| *draining).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.own.wait_for(|draining| *draining) => {}
            () = other => {}
        }
    }
}

/// What a client that has connected and not said a word yet has left to begin when the server drains: most often its
/// request is on its way.
pub(crate) const FIRST_CHANCE: Duration = Duration::from_millis(100);

/// What a client that is in the middle of a head has left to complete it when the server drains.
pub(crate) const LAST_CHANCE: Duration = Duration::from_secs(1);
