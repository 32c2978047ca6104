//! How long an exchange may take: what the deployment says, unless the guest asks for something else and may have it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The time limit of one exchange.
pub(crate) struct TimeLimit {
    begin: Instant,
    milliseconds: AtomicU64,
    usual: Duration,
    max: Duration,
}

impl TimeLimit {
    /// Begins now.
    pub(crate) fn begin(limit: Duration, max: Duration) -> Self {
        let milliseconds = AtomicU64::new(in_milliseconds(limit));
        Self { begin: Instant::now(), milliseconds, usual: limit, max: max.max(limit) }
    }

    pub(crate) fn limit(&self) -> Duration {
        Duration::from_millis(self.milliseconds.load(Ordering::Relaxed))
    }

    /// Changes the limit, to at most what the deployment allows any exchange. `None`: to that.
    pub(crate) fn change(&self, limit: Option<Duration>) {
        let limit = limit.map_or(self.max, |limit| limit.min(self.max));
        self.milliseconds.store(in_milliseconds(limit), Ordering::Relaxed);
    }

    /// What took longer than usual is over: what is left may take as long as any exchange.
    pub(crate) fn shorten(&self) {
        let usual = self.begin.elapsed().saturating_add(self.usual);
        self.milliseconds.fetch_min(in_milliseconds(usual), Ordering::Relaxed);
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.begin + self.limit()
    }

    pub(crate) fn left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }
}

/// Milliseconds that fit a guest's number.
pub(crate) fn in_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
