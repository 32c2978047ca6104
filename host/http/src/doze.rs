//! A future that is polled only after it was woken. What waits beside busy work, for something that hardly ever
//! happens, would else be asked each time that the work goes on.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

/// A future that is polled only after it was woken.
pub(crate) struct Doze<F> {
    future: F,
    bell: Arc<Bell>,
    bell_as_waker: Waker,
    /// Whom the bell wakes. Compared here, because that costs nothing, and telling the bell does.
    sleeper: Option<Waker>,
}

struct Bell {
    has_rung: AtomicBool,
    sleeper: Mutex<Option<Waker>>,
}

impl<F: Future + Unpin> Doze<F> {
    pub(crate) fn new(future: F) -> Self {
        let bell = Arc::new(Bell { has_rung: AtomicBool::new(true), sleeper: Mutex::new(None) });
        Self { future, bell_as_waker: Arc::clone(&bell).into(), bell, sleeper: None }
    }

    /// The future, to be looked at or changed. It is polled next time.
    pub(crate) fn rouse(&mut self) -> &mut F {
        self.bell.has_rung.store(true, Ordering::Release);
        &mut self.future
    }
}

impl<F: Future + Unpin> Future for Doze<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let doze = &mut *self;
        if !doze.sleeper.as_ref().is_some_and(|sleeper| sleeper.will_wake(cx.waker())) {
            doze.sleeper = Some(cx.waker().clone());
            doze.bell.wakes(cx.waker());
        }
        // Most often it has not, and then nothing is written.
        if !doze.bell.has_rung.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        doze.bell.has_rung.store(false, Ordering::Release);
        Pin::new(&mut doze.future).poll(&mut Context::from_waker(&doze.bell_as_waker))
    }
}

impl Bell {
    fn wakes(&self, sleeper: &Waker) {
        *self.sleeper.lock() = Some(sleeper.clone());
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // First: who comes to sleep now looks at it behind the lock.
        self.has_rung.store(true, Ordering::Release);
        let sleeper = self.sleeper.lock().clone();
        if let Some(sleeper) = sleeper {
            sleeper.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::AtomicUsize;

    use tokio::sync::oneshot;

    use super::*;

    /// Who counts how often it is woken.
    #[derive(Default)]
    struct Sleeper(AtomicUsize);

    impl Wake for Sleeper {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn it_is_polled_once_and_then_only_after_it_was_woken() {
        let (sender, mut receiver) = oneshot::channel();
        let mut polls = 0;
        let sleepers = [Arc::new(Sleeper::default()), Arc::new(Sleeper::default())];
        let wakers = sleepers.clone().map(Waker::from);
        let mut doze = Doze::new(poll_fn(|cx| {
            polls += 1;
            Pin::new(&mut receiver).poll(cx)
        }));
        for waker in [&wakers[0], &wakers[0], &wakers[1], &wakers[1]] {
            assert!(Pin::new(&mut doze).poll(&mut Context::from_waker(waker)).is_pending());
        }
        sender.send(()).expect("the receiver is there");
        // The last who slept is woken.
        assert_eq!(sleepers.map(|sleeper| sleeper.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(Pin::new(&mut doze).poll(&mut Context::from_waker(&wakers[1])).is_ready());
        drop(doze);
        assert_eq!(polls, 2);
    }
}
