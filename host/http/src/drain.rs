//! That the server is about to leave, or leaves, or one of its endpoints does, as connections hear of it.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use windhover_contract::Limits;

use crate::clock::{Clock, later};

/// Says that something leaves. Dropping it says so too.
#[derive(Debug)]
pub(crate) struct Drain(Arc<Source>);

#[derive(Debug)]
struct Source {
    phase: watch::Sender<Phase>,
    /// Asked at each answer, and so told without a lock.
    is_closing: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Phase {
    /// Since when every answer says that nothing follows it.
    closing_since: Option<Instant>,
    is_draining: bool,
}

/// Tells a server that it is about to leave, while it still serves as before: from then on its answers say that their
/// connections close, so that clients go elsewhere, or come back by a connection of whoever follows.
#[derive(Clone, Debug)]
pub(crate) struct LeaveNotice {
    source: Weak<Source>,
    clock: Clock,
}

/// Hears that something leaves, or either of two.
#[derive(Clone, Debug)]
pub(crate) struct Draining {
    own: Heard,
    other: Option<Heard>,
}

#[derive(Clone, Debug)]
struct Heard {
    phase: watch::Receiver<Phase>,
    is_closing: Arc<AtomicBool>,
}

impl Drain {
    pub(crate) fn new() -> (Self, Draining) {
        let (sender, receiver) = watch::channel(Phase::default());
        let is_closing = Arc::new(AtomicBool::new(false));
        let own = Heard { phase: receiver, is_closing: Arc::clone(&is_closing) };
        (Self(Arc::new(Source { phase: sender, is_closing })), Draining { own, other: None })
    }

    /// What says before it begins that it is about to.
    pub(crate) fn notice(&self, clock: Clock) -> LeaveNotice {
        LeaveNotice { source: Arc::downgrade(&self.0), clock }
    }

    /// Says so. `now`: the grace of connections on which nothing happens counts from then, unless it does already.
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

impl LeaveNotice {
    /// Says so. Saying it again, or to a server that has ended, changes nothing.
    pub(crate) fn give(&self) {
        let Some(source) = self.source.upgrade() else { return };
        source.is_closing.store(true, Ordering::Relaxed);
        source.phase.send_modify(|phase| {
            phase.closing_since.get_or_insert_with(|| self.clock.now());
        });
    }
}

impl Draining {
    /// Hears of the other one too.
    pub(crate) fn or(self, other: &Self) -> Self {
        Self { other: Some(other.own.clone()), ..self }
    }

    /// Whether every answer is to say that nothing follows it.
    pub(crate) fn is_closing(&self) -> bool {
        let is_closing = |heard: &Heard| heard.is_closing.load(Ordering::Relaxed);
        is_closing(&self.own) || self.other.as_ref().is_some_and(is_closing)
    }

    /// Ends when every answer is to say that nothing follows it.
    pub(crate) async fn closing(&mut self) {
        self.wait(|phase| phase.closing_since.is_some() || phase.is_draining).await;
    }

    /// Ends when draining begins, or when nobody is left who could begin it.
    pub(crate) async fn begun(&mut self) {
        self.wait(|phase| phase.is_draining).await;
    }

    /// Ends when draining has begun and a connection on which nothing happens has had its grace.
    pub(crate) async fn grace_over(&mut self, grace: Duration, clock: &Clock) {
        self.begun().await;
        let since = [Some(&self.own), self.other.as_ref()].into_iter().flatten();
        let since = since.filter_map(|heard| heard.phase.borrow().closing_since).min();
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

/// How long a connection on which nothing happens stays open when the server leaves. Not as long as one on which
/// something does: who is idle is not counted among those that were abandoned.
pub(crate) fn idle_grace(limits: &Limits) -> Duration {
    limits.drain_idle_grace.min(limits.drain_timeout / 2)
}

/// What a client that has connected and not said a word yet has left to begin when the server drains: most often its
/// request is on its way.
pub(crate) const FIRST_CHANCE: Duration = Duration::from_millis(100);

/// What a client that is in the middle of a head has left to complete it when the server drains.
pub(crate) const LAST_CHANCE: Duration = Duration::from_secs(1);
