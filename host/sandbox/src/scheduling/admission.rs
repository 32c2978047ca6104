//! Admits exchanges: a limit of instances at once, a bounded and fair queue, and a limit for the wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use windhover_contract::{Fault, HostFault};

use crate::SandboxLimits;
use crate::scheduling::queue::QueueSlot;
use crate::scheduling::rapid_fail::{Attempt, RapidFail};

/// Limits the exchanges of an app at once, and those that wait.
pub(crate) struct Admission {
    instances: Arc<Semaphore>,
    max_instances: usize,
    waiting: AtomicUsize,
    max_queue: usize,
    queue_timeout: Duration,
    rapid_fail: Option<Arc<RapidFail>>,
}

/// The load of an app at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Instances in use.
    pub at_work: usize,
    /// Exchanges that wait for an instance.
    pub waiting: usize,
    /// It trapped repeatedly and is paused.
    pub is_paused: bool,
}

/// The right to use one instance. Dropping it gives the right back.
pub(crate) struct Permit {
    _instance: OwnedSemaphorePermit,
    attempt: Option<Attempt>,
}

impl Permit {
    /// Gives it back, and records how the exchange ended.
    pub(crate) fn end(self, ended: &Result<(), Fault>) {
        if let Some(attempt) = self.attempt {
            attempt.end(ended);
        }
    }
}

impl Admission {
    pub(crate) fn new(app: &Arc<str>, limits: &SandboxLimits) -> Self {
        Self {
            instances: Arc::new(Semaphore::new(limits.max_instances)),
            max_instances: limits.max_instances,
            waiting: AtomicUsize::new(0),
            max_queue: limits.max_queue,
            queue_timeout: limits.queue_timeout,
            rapid_fail: RapidFail::new(app, limits.rapid_fail),
        }
    }

    /// Instances in use, and exchanges that wait.
    pub(crate) fn load(&self) -> Load {
        Load {
            at_work: self.max_instances.saturating_sub(self.instances.available_permits()),
            waiting: self.waiting.load(Ordering::Relaxed),
            is_paused: self.rapid_fail.as_ref().is_some_and(|it| it.is_paused()),
        }
    }

    /// Waits for an instance, first come, first served. Fails if the app is busy or paused.
    pub(crate) async fn admit(&self) -> Result<Permit, HostFault> {
        let attempt = self.rapid_fail.as_ref().map(RapidFail::admit).transpose()?;
        Ok(Permit { _instance: self.instance().await?, attempt })
    }

    async fn instance(&self) -> Result<OwnedSemaphorePermit, HostFault> {
        if let Ok(permit) = Arc::clone(&self.instances).try_acquire_owned() {
            return Ok(permit);
        }
        let _slot = QueueSlot::take(&self.waiting, self.max_queue).ok_or(HostFault::Busy)?;
        match tokio::time::timeout(self.queue_timeout, Arc::clone(&self.instances).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(HostFault::Busy),
        }
    }
}
