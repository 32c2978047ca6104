//! Polls a guest again while it only yields to itself.
//!
//! A guest of WASI 0.3 yields between its steps, and wasmtime asks for another poll at once. If the poll returned then,
//! it would be repeated immediately, but the head of the answer would be sent without the content that follows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Polls until it is ready or waits for something else, but only a limited number of times, so that others get a turn.
pub(crate) fn poll_in_turns<T>(cx: &mut Context<'_>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let turn = Arc::new(Turn { state: AtomicU8::new(UNDER_WAY), waker: cx.waker().clone() });
    let own = Waker::from(Arc::clone(&turn));
    for _ in 0..MAX_TURNS {
        turn.state.store(UNDER_WAY, Ordering::Release);
        let polled = poll(&mut Context::from_waker(&own));
        if polled.is_ready() || turn.state.swap(OVER, Ordering::AcqRel) != ASKED_AGAIN {
            return polled;
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

/// The waker of a turn. During the turn it only records that it was woken.
struct Turn {
    state: AtomicU8,
    waker: Waker,
}

impl Wake for Turn {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.compare_exchange(UNDER_WAY, ASKED_AGAIN, Ordering::AcqRel, Ordering::Acquire) == Err(OVER) {
            self.waker.wake_by_ref();
        }
    }
}

const UNDER_WAY: u8 = 0;
const ASKED_AGAIN: u8 = 1;
const OVER: u8 = 2;

/// An answer takes two or three turns, and work after it one or two more.
const MAX_TURNS: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_way_to_itself_gets_its_turn_at_once() {
        let (woken, mut left) = (Arc::new(Woken::default()), 5);
        let polled = poll(&woken, |cx| {
            cx.waker().wake_by_ref();
            left -= 1;
            if left == 0 { Poll::Ready("done") } else { Poll::Pending }
        });
        assert_eq!((polled, woken.times()), (Poll::Ready("done"), 0));
    }

    #[test]
    fn who_never_ends_lets_others_have_theirs() {
        let (woken, mut turns) = (Arc::new(Woken::default()), 0);
        let polled: Poll<()> = poll(&woken, |cx| {
            cx.waker().wake_by_ref();
            turns += 1;
            Poll::Pending
        });
        assert_eq!((polled, turns, woken.times()), (Poll::Pending, MAX_TURNS, 1));
    }

    #[test]
    fn who_waits_for_somebody_else_is_woken_by_that() {
        let (woken, mut kept) = (Arc::new(Woken::default()), None);
        let polled: Poll<()> = poll(&woken, |cx| {
            kept = Some(cx.waker().clone());
            Poll::Pending
        });
        assert_eq!((polled, woken.times()), (Poll::Pending, 0));
        kept.expect("it was polled").wake();
        assert_eq!(woken.times(), 1);
    }

    fn poll<T>(woken: &Arc<Woken>, poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
        poll_in_turns(&mut Context::from_waker(&Waker::from(Arc::clone(woken))), poll)
    }

    #[derive(Default)]
    struct Woken(AtomicU8);

    impl Woken {
        fn times(&self) -> u8 {
            self.0.load(Ordering::Relaxed)
        }
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}
