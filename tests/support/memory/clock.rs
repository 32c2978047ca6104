//! The time that the server's limits run by: the system's, or another that a test brings.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// A source of time.
pub trait Time: Send + Sync {
    /// What time it is.
    fn now(&self) -> Instant;

    /// Ends at that time.
    fn sleep_until(&self, deadline: Instant) -> Alarm;
}

/// Ends when its time has come.
pub type Alarm = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The system's time. Its sleeps must be polled inside a tokio runtime with time.
struct System;

impl Time for System {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn sleep_until(&self, deadline: Instant) -> Alarm {
        Box::pin(tokio::time::sleep_until(deadline))
    }
}

/// Measures limits by a [`Time`].
#[derive(Clone)]
pub(super) struct Clock(Arc<dyn Time>);

impl Default for Clock {
    fn default() -> Self {
        Self(Arc::new(System))
    }
}

impl Clock {
    pub(super) fn of(time: impl Time + 'static) -> Self {
        Self(Arc::new(time))
    }

    pub(super) fn now(&self) -> Instant {
        self.0.now()
    }

    /// Ends after so much time.
    pub(super) fn alarm(&self, after: Duration) -> Alarm {
        // A limit so long that no clock can show it is a limit of years.
        self.0.sleep_until(self.now().checked_add(after).unwrap_or_else(|| self.now() + YEARS))
    }

    /// Waits for the future, but no longer than that. `None`: its time was over.
    pub(super) async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            done = future => Some(done),
            () = self.alarm(limit) => None,
        }
    }
}

const YEARS: Duration = Duration::from_secs(30 * 365 * 86_400);
