//! Instances that are idle between two exchanges. Nothing of them runs meanwhile: what a guest left undone stands still
//! until its next exchange.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::warn;
use windhover_contract::{Fault, GuestFault};

use crate::exchange::Exchange;
use crate::reuse::instance::{Instance, InstanceFactory};

/// The idle instances of a deployment: no more than were at work at once.
pub(crate) struct IdlePool {
    max_requests: u32,
    idle: Duration,
    places: Arc<Mutex<Places>>,
    /// An instance that rested has answered.
    is_proven: AtomicBool,
}

#[derive(Default)]
struct Places {
    /// The longest rested first.
    resting: Vec<Resting>,
    /// Somebody will look for those that have rested too long.
    is_swept: bool,
    is_closed: bool,
}

struct Resting {
    instance: Instance,
    since: Instant,
}

impl IdlePool {
    pub(super) fn new(max_requests: u32, idle: Duration) -> Self {
        Self { max_requests, idle, places: Arc::default(), is_proven: AtomicBool::new(false) }
    }

    /// Answers with an instance that rests, the one that did so for the shortest time, or with a fresh one.
    pub(super) async fn answer(&self, factory: &InstanceFactory, exchange: Box<Exchange>) -> Result<(), Fault> {
        let (mut instance, has_rested) = match self.take() {
            Some(mut instance) => {
                instance.begin(exchange);
                (instance, true)
            }
            None => (factory.instantiate(Some(exchange)).await?, false),
        };
        let ended = instance.answer().await;
        if has_rested {
            self.judge(&factory.app.name, &ended, instance.has_answered());
        }
        ended?;
        if instance.rest() < self.max_requests {
            self.put(instance);
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut places = lock(&self.places);
        places.is_closed = true;
        let resting = std::mem::take(&mut places.resting);
        drop(places);
        drop(resting);
    }

    /// Some engines answer once and never again, which each of their instances would show anew. So if the first one that
    /// rested fails, none rests from now on; once one has answered, a failure is of its exchange alone, and no client can
    /// end the reuse by causing one.
    fn judge(&self, app: &str, ended: &Result<(), Fault>, has_answered: bool) {
        if self.is_proven.load(Ordering::Relaxed) {
            return;
        }
        match ended {
            Ok(()) if has_answered => return self.is_proven.store(true, Ordering::Relaxed),
            Ok(()) | Err(Fault::Guest(GuestFault::Trapped)) => {}
            Err(_) => return, // of the client, or of the host
        }
        if !std::mem::replace(&mut lock(&self.places).is_closed, true) {
            warn!(
                %app,
                "an instance that had answered a request failed at its next one, so this guest cannot be reused: from now \
                 on each request has a fresh instance, as with reuse.mode = \"never\""
            );
        }
        self.close();
    }

    fn take(&self) -> Option<Instance> {
        let last = lock(&self.places).resting.pop()?;
        (last.since.elapsed() < self.idle).then_some(last.instance)
    }

    fn put(&self, instance: Instance) {
        let mut places = lock(&self.places);
        if places.is_closed || self.idle.is_zero() {
            return drop(places); // and then the instance, which takes longer than a lock should be held
        }
        places.resting.push(Resting { instance, since: Instant::now() });
        if !places.is_swept {
            places.is_swept = true;
            tokio::spawn(sweep(Arc::downgrade(&self.places), self.idle));
        }
    }
}

/// Drops what has rested too long, until nothing rests.
async fn sweep(places: Weak<Mutex<Places>>, idle: Duration) {
    let sweeper = Sweeper(places);
    loop {
        tokio::time::sleep(idle).await;
        let Some(places) = sweeper.0.upgrade() else { return };
        let mut places = lock(&places);
        let fresh = places.resting.partition_point(|resting| resting.since.elapsed() >= idle);
        let tired: Vec<_> = places.resting.drain(..fresh).collect();
        places.is_swept = !places.resting.is_empty();
        let is_over = !places.is_swept;
        drop(places);
        drop(tired);
        if is_over {
            return sweeper.leave();
        }
    }
}

/// A runtime may end with the sweeper in it; then the next one to put something sends another.
struct Sweeper(Weak<Mutex<Places>>);

impl Sweeper {
    /// Leaves without a word: another may be at work already.
    fn leave(mut self) {
        self.0 = Weak::new();
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        if let Some(places) = self.0.upgrade() {
            lock(&places).is_swept = false;
        }
    }
}

fn lock(places: &Mutex<Places>) -> MutexGuard<'_, Places> {
    places.lock()
}
