//! Tells exchanges that may last for hours that their app is being shut down or replaced.

use std::future::Future;

use tokio::sync::watch;

/// Why an app closes its WebSockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// The server shuts down (RFC 6455 §7.4.1: 1001, going away).
    Away,
    /// A new version replaces the app, and clients may reconnect at once (1012, service restart).
    Restart,
}

impl Leave {
    /// The close code for WebSockets.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Away => 1001,
            Self::Restart => 1012,
        }
    }
}

/// Whether an app closes its WebSockets.
pub(crate) struct Leaving(watch::Sender<Option<Leave>>);

impl Default for Leaving {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Leaving {
    pub(crate) fn begin(&self, why: Leave) {
        self.0.send_replace(Some(why));
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Ends when it has begun.
    pub(crate) fn begun(&self) -> impl Future<Output = Leave> + Send + use<> {
        let mut leaving = self.0.subscribe();
        async move {
            match leaving.wait_for(Option::is_some).await {
                Ok(why) => why.unwrap_or(Leave::Away),
                Err(_) => Leave::Away, // the app is gone
            }
        }
    }
}
