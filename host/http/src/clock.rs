//! The clock by which all limits of this server run: the system's, or that of a test, which moves it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use pin_project_lite::pin_project;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// A clock. Default: the system's.
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<ManualTime>>);

/// Moves the clock that was made with it. A test can meet a limit of minutes at once, and knows that time ended the
/// wait, and not chance.
#[derive(Clone)]
pub struct TestClock(Arc<ManualTime>);

/// A clock that stands still until it is moved.
struct ManualTime {
    state: Mutex<State>,
    /// The set of waiting tasks has changed.
    changed: Notify,
}

struct State {
    now: Instant,
    /// The waiting tasks, by the time at which they want to be woken.
    waiting: BTreeMap<(Instant, u64), Waiting>,
    next: u64,
}

struct Waiting {
    waker: Waker,
    is_quiet: bool,
}

impl Clock {
    /// A clock that stands still, and the handle that moves it.
    pub fn manual() -> (Self, TestClock) {
        let state = State { now: Instant::now(), waiting: BTreeMap::new(), next: 0 };
        let time = Arc::new(ManualTime { state: Mutex::new(state), changed: Notify::new() });
        (Self(Some(Arc::clone(&time))), TestClock(time))
    }

    /// The current time.
    pub fn now(&self) -> Instant {
        self.0.as_ref().map_or_else(Instant::now, |time| time.state().now)
    }

    /// An alarm that rings after so much time.
    pub fn alarm(&self, after: Duration) -> Alarm {
        self.alarm_at(later(self.now(), after))
    }

    /// An alarm that rings at this time.
    pub fn alarm_at(&self, deadline: Instant) -> Alarm {
        self.alarm_for(deadline, false)
    }

    /// An alarm that rings at this time and enforces no limit. A test that waits until a limit is armed ignores it.
    pub(crate) fn quiet_alarm_at(&self, deadline: Instant) -> Alarm {
        self.alarm_for(deadline, true)
    }

    fn alarm_for(&self, deadline: Instant, is_quiet: bool) -> Alarm {
        Alarm(match &self.0 {
            None => Kind::System(Box::pin(tokio::time::sleep_until(deadline))),
            Some(time) => {
                let time = Arc::clone(time);
                let number = time.number();
                Kind::Manual { time, deadline, number, is_quiet }
            }
        })
    }

    /// Waits for the future, but no longer than `limit`. `None`: the time was over.
    pub fn timeout<F: Future>(&self, limit: Duration, future: F) -> Timeout<F> {
        Timeout { future, alarm: self.alarm(limit) }
    }
}

pin_project! {
    /// The future that [`Clock::timeout`] returns. Not an `async` function, which would hold the inner future twice.
    pub struct Timeout<F> {
        #[pin]
        future: F,
        alarm: Alarm,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Option<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let own = self.project();
        match own.future.poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => Pin::new(own.alarm).poll(cx).map(|()| None),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock::manual" } else { "Clock::system" })
    }
}

impl TestClock {
    /// Moves the clock, once a task waits for a time within `by`: by then the limit that the test is about is armed.
    pub async fn advance(&self, by: Duration) {
        self.wait_until_armed(by).await;
        self.jump(by);
    }

    /// Ends when a task waits for a time that is at most `within` from now.
    pub async fn wait_until_armed(&self, within: Duration) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.state().is_armed(within) {
                return;
            }
            changed.await;
        }
    }

    /// Ends when a task waits for exactly the time that is `after` from now.
    pub async fn wait_until_armed_at(&self, after: Duration) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.state().is_armed_at(after) {
                return;
            }
            changed.await;
        }
    }

    /// Ends when no task waits for exactly the time that is `after` from now.
    pub async fn wait_until_disarmed_at(&self, after: Duration) {
        loop {
            let changed = self.0.changed.notified();
            if !self.0.state().is_armed_at(after) {
                return;
            }
            changed.await;
        }
    }

    /// Moves the clock at once.
    pub fn jump(&self, by: Duration) {
        let due = {
            let mut state = self.0.state();
            let now = later(state.now, by);
            state.now = now;
            let not_due = state.waiting.split_off(&(now, u64::MAX));
            std::mem::replace(&mut state.waiting, not_due)
        };
        due.into_values().for_each(|waiting| waiting.waker.wake());
    }
}

impl ManualTime {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    fn number(&self) -> u64 {
        let mut state = self.state();
        state.next += 1;
        state.next
    }
}

impl State {
    fn is_armed(&self, within: Duration) -> bool {
        let first = self.waiting.iter().find(|(_, waiting)| !waiting.is_quiet);
        first.is_some_and(|((deadline, _), _)| *deadline <= later(self.now, within))
    }

    fn is_armed_at(&self, after: Duration) -> bool {
        let at = later(self.now, after);
        self.waiting.range((at, 0)..=(at, u64::MAX)).any(|(_, waiting)| !waiting.is_quiet)
    }
}

/// Ready when its time has come, and from then on.
pub struct Alarm(Kind);

enum Kind {
    System(Pin<Box<Sleep>>),
    Manual { time: Arc<ManualTime>, deadline: Instant, number: u64, is_quiet: bool },
}

impl Alarm {
    /// The time at which it rings.
    pub fn deadline(&self) -> Instant {
        match &self.0 {
            Kind::System(sleep) => sleep.deadline(),
            Kind::Manual { deadline, .. } => *deadline,
        }
    }

    /// Sets another time. The waiting task must poll it again.
    pub fn reset(&mut self, to: Instant) {
        match &mut self.0 {
            Kind::System(sleep) => sleep.as_mut().reset(to),
            Kind::Manual { time, deadline, number, .. } => {
                time.state().waiting.remove(&(*deadline, *number));
                *deadline = to;
            }
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Kind::System(sleep) => sleep.as_mut().poll(cx),
            Kind::Manual { time, deadline, number, is_quiet } => {
                let mut state = time.state();
                if *deadline <= state.now {
                    return Poll::Ready(());
                }
                let waiting = Waiting { waker: cx.waker().clone(), is_quiet: *is_quiet };
                state.waiting.insert((*deadline, *number), waiting);
                drop(state);
                time.changed.notify_waiters();
                Poll::Pending
            }
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Kind::Manual { time, deadline, number, .. } = &self.0 {
            time.state().waiting.remove(&(*deadline, *number));
            time.changed.notify_waiters();
        }
    }
}

/// The time that is `by` later. Like tokio: a limit that is too long for the clock becomes one of decades.
pub(crate) fn later(now: Instant, by: Duration) -> Instant {
    now.checked_add(by).unwrap_or_else(|| now + Duration::from_secs(86_400 * 365 * 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_rings_when_the_hand_has_passed_it_and_not_before() {
        let (clock, test_clock) = Clock::manual();
        let minute = Duration::from_secs(60);
        let waiting = tokio::spawn({
            let clock = clock.clone();
            async move { clock.timeout(minute, std::future::pending::<()>()).await }
        });
        test_clock.wait_until_armed(minute).await;
        test_clock.jump(minute - Duration::from_millis(1));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        test_clock.advance(Duration::from_millis(1)).await;
        assert_eq!(waiting.await.expect("it does not panic"), None);
    }

    #[tokio::test]
    async fn an_alarm_that_is_set_anew_or_dropped_is_not_waited_for() {
        let (clock, test_clock) = Clock::manual();
        let mut alarm = clock.alarm(Duration::from_secs(1));
        assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut alarm).poll(cx).is_pending())).await);
        alarm.reset(clock.now() + Duration::from_secs(9));
        assert!(!test_clock.0.state().is_armed(Duration::from_secs(5)));
        assert!(std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut alarm).poll(cx).is_pending())).await);
        assert!(test_clock.0.state().is_armed(Duration::from_secs(9)));
        assert!(test_clock.0.state().is_armed_at(Duration::from_secs(9)));
        assert!(!test_clock.0.state().is_armed_at(Duration::from_secs(10)));
        drop(alarm);
        assert!(!test_clock.0.state().is_armed(Duration::from_secs(9)));
    }
}
