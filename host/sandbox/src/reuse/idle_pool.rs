//! Instances that are idle between two exchanges. Nothing in them runs meanwhile: work that a guest left unfinished goes on
//! with its next exchange.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tracing::warn;
use windhover_contract::{Fault, GuestFault};

use crate::exchange::Exchange;
use crate::reuse::instance::{Instance, InstanceFactory};

/// The idle instances of an app: no more than were in use at once.
pub(crate) struct IdlePool {
    max_requests: u32,
    idle_timeout: Duration,
    idle: Arc<Mutex<Idle>>,
    /// An instance has answered more than one exchange.
    is_proven: AtomicBool,
}

#[derive(Default)]
struct Idle {
    /// The one that is idle for longest comes first.
    instances: Vec<IdleInstance>,
    /// A task drops those that are idle for too long.
    has_cleanup: bool,
    is_closed: bool,
}

struct IdleInstance {
    instance: Instance,
    since: Instant,
}

impl IdlePool {
    pub(super) fn new(max_requests: u32, idle_timeout: Duration) -> Self {
        Self { max_requests, idle_timeout, idle: Arc::default(), is_proven: AtomicBool::new(false) }
    }

    /// Answers with the instance that became idle last, or with a fresh one.
    pub(super) async fn answer(&self, factory: &InstanceFactory, exchange: Box<Exchange>) -> Result<(), Fault> {
        let (mut instance, is_reused) = match self.take() {
            Some(mut instance) => {
                instance.begin(exchange);
                (instance, true)
            }
            None => (factory.instantiate(Some(exchange)).await?, false),
        };
        let ended = instance.answer().await;
        if is_reused {
            self.judge(&factory.app.name, &ended, instance.has_answered());
        }
        ended?;
        if instance.end_exchange() < self.max_requests {
            self.put(instance);
        }
        Ok(())
    }

    pub(super) fn close(&self) {
        let mut idle = lock(&self.idle);
        idle.is_closed = true;
        let instances = std::mem::take(&mut idle.instances);
        drop(idle);
        drop(instances);
    }

    /// Some engines answer once and never again, and each of their instances would fail in turn. So if the first instance
    /// that is reused fails, the pool closes. Once one has answered, a failure concerns its exchange alone, and no client
    /// can end the reuse by causing one.
    fn judge(&self, app: &str, ended: &Result<(), Fault>, has_answered: bool) {
        if self.is_proven.load(Ordering::Relaxed) {
            return;
        }
        match ended {
            Ok(()) if has_answered => return self.is_proven.store(true, Ordering::Relaxed),
            Ok(()) | Err(Fault::Guest(GuestFault::Trapped)) => {}
            Err(_) => return, // of the client, or of the host
        }
        if !std::mem::replace(&mut lock(&self.idle).is_closed, true) {
            warn!(
                %app,
                "an instance that had answered a request failed at its next one, so this guest cannot be reused; from now \
                 on each request has a fresh instance, as with reuse.mode = \"never\""
            );
        }
        self.close();
    }

    fn take(&self) -> Option<Instance> {
        let last = lock(&self.idle).instances.pop()?;
        (last.since.elapsed() < self.idle_timeout).then_some(last.instance)
    }

    fn put(&self, instance: Instance) {
        let mut idle = lock(&self.idle);
        if idle.is_closed || self.idle_timeout.is_zero() {
            return drop(idle); // before the instance, which takes longer than a lock should be held
        }
        idle.instances.push(IdleInstance { instance, since: Instant::now() });
        if !idle.has_cleanup {
            idle.has_cleanup = true;
            tokio::spawn(clean_up(Arc::downgrade(&self.idle), self.idle_timeout));
        }
    }
}

/// Drops instances that are idle for too long, until none is idle.
async fn clean_up(idle: Weak<Mutex<Idle>>, timeout: Duration) {
    let cleanup = Cleanup(idle);
    loop {
        tokio::time::sleep(timeout).await;
        let Some(idle) = cleanup.0.upgrade() else { return };
        let mut idle = lock(&idle);
        let fresh = idle.instances.partition_point(|instance| instance.since.elapsed() >= timeout);
        let old: Vec<_> = idle.instances.drain(..fresh).collect();
        idle.has_cleanup = !idle.instances.is_empty();
        let is_over = !idle.has_cleanup;
        drop(idle);
        drop(old);
        if is_over {
            return cleanup.end();
        }
    }
}

/// A runtime may end with the task in it. Then the next instance that becomes idle starts another.
struct Cleanup(Weak<Mutex<Idle>>);

impl Cleanup {
    /// Ends without a change: another task may run already.
    fn end(mut self) {
        self.0 = Weak::new();
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        if let Some(idle) = self.0.upgrade() {
            lock(&idle).has_cleanup = false;
        }
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock()
}
