//! The client's silence while no exchange is under way: how long it may last before a head begins, and how long a head
//! may take. hyper has one timer for both.
//!
//! A head whose first octets came together with the request before counts as begun when more of it comes.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use windhover_contract::Limits;

use crate::activity::Activity;

/// What a client has done for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TooLong {
    /// Nothing.
    Idle,
    /// Sent a head.
    Head,
}

/// The time of one connection between its exchanges.
pub(crate) struct Silence {
    keep_alive: Duration,
    head: Duration,
    /// Exchanges that had begun when it was last looked.
    seen: u64,
    idle_since: Option<Instant>,
    head_since: Option<Instant>,
    /// May ring early, and is set anew then: so it is not touched at every request.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            keep_alive: limits.keep_alive_timeout,
            head: limits.request_head_timeout,
            seen: 0,
            idle_since: None,
            head_since: None,
            alarm: None,
        }
    }

    /// Something has come.
    pub(crate) fn hear(&mut self, activity: &Activity) {
        if !activity.has_exchange() {
            self.look(activity);
            self.head_since.get_or_insert_with(Instant::now);
        }
    }

    /// Nothing has come. Ready when that was so for too long.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, activity: &Activity) -> Poll<TooLong> {
        if activity.has_exchange() {
            return Poll::Pending;
        }
        self.look(activity);
        let (deadline, too_long) = match self.head_since {
            Some(since) => (since + self.head, TooLong::Head),
            None => (*self.idle_since.get_or_insert_with(Instant::now) + self.keep_alive, TooLong::Idle),
        };
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if alarm.deadline() > deadline {
            alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(alarm.as_mut().poll(cx));
            if alarm.deadline() == deadline {
                return Poll::Ready(too_long);
            }
            alarm.as_mut().reset(deadline);
        }
    }

    /// An exchange that has begun since ends what was before.
    fn look(&mut self, activity: &Activity) {
        let begun = activity.begun();
        if begun != self.seen {
            (self.seen, self.idle_since, self.head_since) = (begun, None, None);
        }
    }
}
