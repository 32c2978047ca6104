//! How connections learn that their server shuts down, or is about to, or that their endpoint is removed.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use windhover_contract::Limits;

use crate::clock::{Clock, later};

/// Begins the shutdown of a server or an endpoint. Dropping it does so too.
#[derive(Debug)]
pub(crate) struct Drain(Arc<Source>);

#[derive(Debug)]
struct Source {
    phase: watch::Sender<Phase>,
    /// Read for each response, so it is read without a lock.
    is_closing: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    /// Since when each response says that its connection closes.
    closing_since: Option<Instant>,
    is_draining: bool,
}

/// Announces a shutdown to a server that still serves as before. From then on its responses say that their connections
/// close, so that clients connect to another server, or to the one that replaces this one.
#[derive(Clone, Debug)]
pub(crate) struct ShutdownAnnouncer {
    source: Weak<Source>,
    clock: Clock,
}

/// Learns that a server or an endpoint shuts down, or either of two.
#[derive(Clone, Debug)]
pub(crate) struct Draining {
    own: Signal,
    other: Option<Signal>,
}

#[derive(Clone, Debug)]
struct Signal {
    phase: watch::Receiver<Phase>,
    is_closing: Arc<AtomicBool>,
}

impl Drain {
    pub(crate) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(Phase::default());
        let is_closing = Arc::new(AtomicBool::new(false));
        let own = Signal { phase: receiver, is_closing: Arc::clone(&is_closing) };
        (Self(Arc::new(Source { phase: sender, is_closing })), Draining { own, other: None })
    }

    /// What announces the shutdown before it begins.
    pub(crate) fn announcer(&self, clock: Clock) -> ShutdownAnnouncer {
        ShutdownAnnouncer { source: Arc::downgrade(&self.0), clock }
    }

    /// Begins. `now`: when the grace of idle connections begins, unless it has begun.
    pub(crate) fn begin(&self, now: Option<Instant>) {
        self.0.is_closing.store(true, Ordering::Relaxed);
        self.0.phase.send_modify(|phase| {
            phase.closing_since = phase.closing_since.or(now);
            phase.is_draining = true;
        });
    }
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.begin(None);
    }
}

impl ShutdownAnnouncer {
    /// Announces the shutdown. To announce it again, or to a server that has ended, has no effect.
    pub(crate) fn announce(&self) {
        let Some(source) = self.source.upgrade() else { return };
        source.is_closing.store(true, Ordering::Relaxed);
        source.phase.send_modify(|phase| {
            phase.closing_since.get_or_insert_with(|| self.clock.now());
        });
    }
}

impl Draining {
    /// Learns of the other one too.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self { other: Some(other.own.clone()), ..self }
    }

    /// Whether each response must say that its connection closes.
    pub(crate) fn is_closing(&self) -> bool {
        let is_closing = |signal: &Signal| signal.is_closing.load(Ordering::Relaxed);
        is_closing(&self.own) || self.other.as_ref().is_some_and(is_closing)
    }

    /// Ends when each response must say that its connection closes.
    pub(crate) async fn closing(&mut self) {
        self.wait(|phase| phase.closing_since.is_some() || phase.is_draining).await;
    }

    /// Ends when draining begins, or when its [`Drain`] is dropped.
    pub(crate) async fn begun(&mut self) {
        self.wait(|phase| phase.is_draining).await;
    }

    /// Ends when draining has begun and the grace of idle connections is over.
    pub(crate) async fn grace_over(&mut self, grace: Duration, clock: &Clock) {
        self.begun().await;
        let since = [Some(&self.own), self.other.as_ref()].into_iter().flatten();
        let since = since.filter_map(|signal| signal.phase.borrow().closing_since).min();
        clock.alarm_at(later(since.unwrap_or_else(|| clock.now()), grace)).await;
    }

    async fn wait(&mut self, is_so: impl Fn(&Phase) -> bool) {
        let other = async {
            match &mut self.other {
                Some(other) => drop(other.phase.wait_for(&is_so).await),
                None => pending().await,
            }
        };
        tokio::select! {
            _ = self.own.phase.wait_for(&is_so) => {}
            () = other => {}
        }
    }
}

/// How long an idle connection stays open when the server drains. It is shorter than the time of a busy one, so that idle
/// connections are not counted among those that were aborted.
pub(crate) fn idle_grace(limits: &Limits) -> Duration {
    limits.drain_idle_grace.min(limits.drain_timeout / 2)
}

/// How long a client that has connected and sent nothing has to begin its request when the server drains. Most often the
/// request is on its way.
pub(crate) const FIRST_CHANCE: Duration = Duration::from_millis(100);

/// How long a client has to complete a head that it has begun when the server drains.
pub(crate) const LAST_CHANCE: Duration = Duration::from_secs(1);
