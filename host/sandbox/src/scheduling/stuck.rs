//! Detects guests that wait for themselves. The content of a response has no reader until the guest passes it to the
//! outparam, and that of a request has none until it is sent. A guest that has filled it and waits for room would wait
//! until its time is over.
//!
//! Whether it waits for anything else is known exactly: if not, only such content holds its waker.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Context, Poll, Wake, Waker};

/// Ends a guest that waits for itself.
#[derive(Debug, thiserror::Error)]
#[error("the guest waits for room in content that nothing can read yet")]
pub(crate) struct WaitsForItself;

thread_local! {
    /// The number of wakers that this poll has left with content without a reader.
    static LEFT: Cell<usize> = const { Cell::new(0) };
}

/// Leaves a waker with content that is full and has no reader yet.
pub(crate) fn leave(waiting: &mut Option<Waker>, waker: &Waker) {
    if !waiting.as_ref().is_some_and(|waiting| waiting.will_wake(waker)) {
        *waiting = Some(waker.clone());
        LEFT.set(LEFT.get() + 1);
    }
}

/// Polls the guest until it ends or waits for itself.
pub(crate) async fn unless_stuck<T>(call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    poll_fn(|cx| {
        LEFT.set(0);
        let polled = call.as_mut().poll(cx);
        if polled.is_ready() || LEFT.get() == 0 {
            return polled;
        }
        // Once more, with a waker whose holders can be counted.
        let counted = Arc::new(Counted { task: cx.waker().clone(), has_woken: AtomicBool::new(false) });
        let waker = Waker::from(Arc::clone(&counted));
        LEFT.set(0);
        let polled = call.as_mut().poll(&mut Context::from_waker(&waker));
        drop(waker);
        if polled.is_ready() {
            return polled;
        }
        let is_stuck = LEFT.get() > 0 && Arc::strong_count(&counted) == 1 + LEFT.get();
        fence(Ordering::Acquire); // a waker sets the flag before it is dropped
        if is_stuck && !counted.has_woken.load(Ordering::Relaxed) {
            return Poll::Ready(Err(WaitsForItself.into()));
        }
        Poll::Pending
    })
    .await
}

struct Counted {
    task: Waker,
    has_woken: AtomicBool,
}

impl Wake for Counted {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.has_woken.store(true, Ordering::Relaxed);
        self.task.wake_by_ref();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Waits until this is over, and leaves its waker with content.
    async fn with(content: &mut [Option<Waker>], other: impl Future<Output = ()>) -> wasmtime::Result<()> {
        let mut other = pin!(other);
        poll_fn(|cx| {
            content.iter_mut().for_each(|waiting| leave(waiting, cx.waker()));
            other.as_mut().poll(cx).map(Ok)
        })
        .await
    }

    #[tokio::test]
    async fn a_guest_that_waits_for_itself_alone_is_ended() {
        for size in 1..4 {
            let mut content = vec![None; size];
            let ended = unless_stuck(with(&mut content, std::future::pending())).await;
            assert!(ended.expect_err("nothing can wake it").is::<WaitsForItself>());
        }
    }

    #[tokio::test]
    async fn a_guest_that_waits_for_something_else_too_is_not() {
        for size in 0..4 {
            let mut content = vec![None; size];
            let wait = tokio::time::sleep(Duration::from_millis(1));
            unless_stuck(with(&mut content, wait)).await.expect("the time comes");
        }
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let sending = tokio::task::spawn_blocking(move || sender.send(()));
        let mut content = [None];
        unless_stuck(with(&mut content, async { receiver.await.expect("it is sent") })).await.expect("it comes");
        sending.await.expect("it does not panic").expect("somebody waits");
    }
}
