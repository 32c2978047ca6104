//! Ends a run at its deadline even if nobody asks for content: a client that reads nothing keeps the server from asking,
//! and must not keep an instance by it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::task::AbortHandle;
use tokio::time::Instant;
use windhover_contract::Fault;

use crate::run::Run;

/// A run with a watchdog, if it still has something to do.
pub(super) struct Watched {
    shared: Arc<Mutex<Shared>>,
    watchdog: Option<AbortHandle>,
}

struct Shared {
    run: Option<Run>,
    /// The run's time was over while nobody asked.
    exceeded: Option<Fault>,
    /// Who asked last and was told to wait.
    waiting: Option<Waker>,
}

impl Watched {
    pub(super) fn new(run: Run) -> Self {
        let deadline = run.deadline();
        let shared = Arc::new(Mutex::new(Shared { run: Some(run), exceeded: None, waiting: None }));
        let watchdog = deadline.and_then(|deadline| watch(&shared, deadline));
        Self { shared, watchdog }
    }

    /// Lets the guest work until it waits or ends. May be asked again after the end.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let Shared { run, exceeded, waiting } = &mut *lock(&self.shared);
        let ended = match (run, exceeded) {
            (Some(run), _) => run.poll(cx),
            (None, Some(fault)) => Poll::Ready(Err(fault.clone())),
            (None, None) => Poll::Ready(Ok(())),
        };
        if ended.is_pending() {
            *waiting = Some(cx.waker().clone());
        }
        ended
    }

    /// Takes the run away from its watchdog. `None`: it was taken before, or its time was over.
    pub(super) fn take(&mut self) -> Option<Run> {
        self.watchdog.take().inspect(AbortHandle::abort);
        lock(&self.shared).run.take()
    }
}

fn watch(shared: &Arc<Mutex<Shared>>, deadline: Instant) -> Option<AbortHandle> {
    let shared = Arc::downgrade(shared);
    let runtime = tokio::runtime::Handle::try_current().ok()?;
    let watchdog = runtime.spawn(async move {
        tokio::time::sleep_until(deadline).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut shared = lock(&shared);
        // A guest that has ended in time may take as long as it takes to be sent.
        if let Some(run) = shared.run.take_if(|run| !run.has_ended()) {
            shared.exceeded = Some(run.exceeded());
            shared.waiting.take().inspect(Waker::wake_by_ref);
        }
    });
    Some(watchdog.abort_handle())
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner) // a panic inside a poll has ended that run; nothing is half done
}
