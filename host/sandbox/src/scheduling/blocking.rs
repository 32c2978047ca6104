//! System calls that may block for long, for the guests of one app: files and name lookups.
//!
//! Each app has threads of its own for them, and a limit of calls at once. If its disk or name server hangs, it delays
//! its own requests only. The first call starts the threads.
//!
//! wasmtime implements `wasi:filesystem`, and blocks in threads of the runtime that is entered when the guest is
//! polled. So a guest with folders is polled inside the runtime of its app ([`Blocking::inside`]). That runtime then
//! drives the guest's timers and sockets too, and wakes it wherever it runs.

use std::future::{Future, poll_fn};
use std::io;
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::SandboxLimits;

/// The threads that an app's guests may block.
pub(crate) struct Blocking {
    max: AtomicUsize,
    /// `Some(None)`: they could not be started, so the threads of the polling runtime are used.
    own: OnceLock<Option<Own>>,
}

/// A runtime, which ends when this is dropped.
struct Own {
    handle: Handle,
    _end: oneshot::Sender<()>,
}

impl Default for Blocking {
    fn default() -> Self {
        Self { max: AtomicUsize::new(SandboxLimits::default().max_blocking_calls.get()), own: OnceLock::new() }
    }
}

impl Blocking {
    /// Limits the calls at once. Has no effect after the first call.
    pub(crate) fn limit(&self, max: NonZeroUsize) {
        self.max.store(max.get(), Ordering::Relaxed);
    }

    /// Calls `work` on a thread that may block, when one is free. If the call is dropped before it starts, it does not
    /// start. An error: it panicked, or the process ends.
    pub(crate) fn call<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Call<T> {
        Call(match self.own() {
            Some(own) => own.handle.spawn_blocking(work),
            None => tokio::task::spawn_blocking(work),
        })
    }

    /// Polls a future inside the app's own runtime, so that its blocking calls run there.
    pub(crate) async fn inside<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        poll_fn(|cx| self.enter(|| future.as_mut().poll(cx))).await
    }

    /// Runs one step of a future inside the app's own runtime.
    pub(crate) fn enter<T>(&self, step: impl FnOnce() -> T) -> T {
        let _entered = self.own().map(|own| own.handle.enter());
        step()
    }

    fn own(&self) -> Option<&Own> {
        let started = || {
            let start = Own::start(self.max.load(Ordering::Relaxed));
            start
                .inspect_err(|failure| {
                    warn!("cannot start threads for an app's files and name lookups, so they may delay other apps: {failure}")
                })
                .ok()
        };
        self.own.get_or_init(started).as_ref()
    }
}

impl Own {
    fn start(max: usize) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .max_blocking_threads(max)
            .thread_name("windhover-files")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel::<()>();
        thread::Builder::new().name("windhover-files".to_owned()).spawn(move || {
            let _ = runtime.block_on(ended); // drives its timers and sockets
            runtime.shutdown_background(); // a call that hangs is not waited for
        })?;
        Ok(Self { handle, _end: end })
    }
}

/// A call in progress, or in the queue.
pub(crate) struct Call<T>(JoinHandle<T>);

impl<T> Future for Call<T> {
    type Output = io::Result<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        Pin::new(&mut self.0).poll(cx).map_err(io::Error::other)
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    fn blocking(max: usize) -> Arc<Blocking> {
        let blocking = Blocking::default();
        blocking.limit(NonZeroUsize::new(max).expect("a test's own"));
        Arc::new(blocking)
    }

    /// As many as tokio has threads for all of a runtime by default.
    #[tokio::test]
    async fn one_that_blocks_all_of_its_threads_holds_up_no_other() {
        let (one, other) = (blocking(2), blocking(2));
        let (end, ended) = mpsc::channel::<()>();
        let ended = Arc::new(parking_lot::Mutex::new(ended));
        let calls: Vec<_> = (0..600)
            .map(|_| {
                let ended = Arc::clone(&ended);
                let waits = move || ended.lock().recv().is_ok();
                one.call(waits)
            })
            .collect();
        assert_eq!(other.call(|| 1).await.expect("it does not panic"), 1);
        assert_eq!(tokio::task::spawn_blocking(|| 2).await.expect("it does not panic"), 2);
        let inside = other.inside(async {
            tokio::time::sleep(Duration::from_millis(1)).await; // its timers go on too
            tokio::task::spawn_blocking(|| thread::current().name().map(str::to_owned)).await
        });
        assert_eq!(inside.await.expect("it does not panic").as_deref(), Some("windhover-files"));
        drop(calls); // what has not begun does not begin
        drop(end);
        assert_eq!(one.call(|| 3).await.expect("it does not panic"), 3);
    }

    #[tokio::test]
    async fn it_can_be_dropped_anywhere_also_while_a_call_hangs() {
        let one = blocking(1);
        let (end, ended) = mpsc::channel::<()>();
        let hangs = one.call(move || ended.recv());
        drop(one);
        drop(hangs);
        drop(end);
    }

    #[tokio::test]
    async fn a_panic_in_a_call_is_an_error() {
        assert!(blocking(1).call(|| panic!("a test's own")).await.is_err());
    }
}
