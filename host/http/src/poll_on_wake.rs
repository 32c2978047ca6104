//! A future that is polled only after it was woken. Without this, a future that rarely becomes ready would be polled
//! each time that other work in the same task goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// A future that is polled only after it was woken.
pub(crate) struct PollOnWake<F> {
    future: F,
    woken: Arc<Woken>,
    waker: Waker,
    /// The task that `woken` wakes. Compared here, because changing it there takes a lock.
    task: Option<Waker>,
}

struct Woken {
    is_set: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl<F: Future + Unpin> PollOnWake<F> {
    pub(crate) fn new(future: F) -> Self {
        let woken = Arc::new(Woken { is_set: AtomicBool::new(true), task: Mutex::new(None) });
        Self { future, waker: Arc::clone(&woken).into(), woken, task: None }
    }

    /// The future, for reading or changing it. It is polled next time.
    pub(crate) fn wake(&mut self) -> &mut F {
        self.woken.is_set.store(true, Ordering::Release);
        &mut self.future
    }
}

impl<F: Future + Unpin> Future for PollOnWake<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = &mut *self;
        if !this.task.as_ref().is_some_and(|task| task.will_wake(cx.waker())) {
            this.task = Some(cx.waker().clone());
            this.woken.wakes(cx.waker());
        }
        // Most often it was not woken, and then nothing is written.
        if !this.woken.is_set.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        this.woken.is_set.store(false, Ordering::Release);
        Pin::new(&mut this.future).poll(&mut Context::from_waker(&this.waker))
    }
}

impl Woken {
    fn wakes(&self, task: &Waker) {
        *self.task.lock() = Some(task.clone());
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First: a task that registers itself now checks it after the lock.
        self.is_set.store(true, Ordering::Release);
        let task = self.task.lock().clone();
        if let Some(task) = task {
            task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::oneshot;

    use super::*;

    /// Counts how often it is woken.
    #[derive(Default)]
    struct Counter(AtomicUsize);

    impl Wake for Counter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_polled_once_and_then_only_after_it_was_woken() {
        let (sender, mut receiver) = oneshot::channel();
        let mut polls = 0;
        let sleepers = [Arc::new(Counter::default()), Arc::new(Counter::default())];
        let wakers = sleepers.clone().map(Waker::from);
        let mut this = PollOnWake::new(poll_fn(|cx| {
            polls += 1;
            Pin::new(&mut receiver).poll(cx)
        }));
        for waker in [&wakers[0], &wakers[0], &wakers[1], &wakers[1]] {
            assert!(Pin::new(&mut this).poll(&mut Context::from_waker(waker)).is_pending());
        }
        sender.send(()).expect("the receiver is there");
        // Only the last task is woken.
        assert_eq!(sleepers.map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(Pin::new(&mut this).poll(&mut Context::from_waker(&wakers[1])).is_ready());
        drop(this);
        assert_eq!(polls, 2);
    }
}
