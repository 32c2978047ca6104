//! The time limits of a client while no exchange is under way: how long it may be idle before a head begins (keep-alive
//! timeout), and how long a head may take. hyper has one timer for both.
//!
//! A head whose first bytes came together with the previous request counts as begun when more of it arrives.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;
use windhover_contract::Limits;

use super::progress::{Phase, Position};
use crate::clock::{Alarm, Clock, later};
use crate::poll_on_wake::PollOnWake;

/// Which time limit a client exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimedOut {
    /// It sent nothing for too long.
    Idle,
    /// Its head took too long.
    Head,
}

/// The timeouts of one connection between its exchanges.
pub(crate) struct ReadTimeouts {
    keep_alive: Duration,
    head: Duration,
    /// How many exchanges had begun at the last look.
    seen: u64,
    /// Something has arrived since then.
    has_read: bool,
    head_since: Option<Instant>,
    /// May ring early, and is set again then. So it need not be set for each request, nor when an exchange ends.
    alarm: Option<PollOnWake<Alarm>>,
    /// Like `alarm`, for [`ReadTimeouts::poll_long_idle`].
    long_idle: Option<PollOnWake<Alarm>>,
    clock: Clock,
}

impl ReadTimeouts {
    pub(crate) fn new(limits: &Limits, clock: Clock) -> Self {
        let (keep_alive, head) = (limits.keep_alive_timeout, limits.request_head_timeout);
        Self { keep_alive, head, seen: 0, has_read: false, head_since: None, alarm: None, long_idle: None, clock }
    }

    /// Something has arrived. If it is not a complete head, [`ReadTimeouts::poll`] follows at once and takes the time.
    /// Most often it is one, and then no time is needed.
    pub(crate) fn note_read(&mut self, position: Position) {
        if !position.is_under_way() {
            self.observe(position);
            self.has_read = true;
        }
    }

    /// Nothing has arrived. Ready when a time limit is exceeded.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, position: Position) -> Poll<TimedOut> {
        self.observe(position);
        if std::mem::take(&mut self.has_read) {
            self.head_since.get_or_insert_with(|| self.clock.now());
        }
        if self.head_since.is_none() && is_armed(&mut self.alarm, cx) {
            return Poll::Pending; // it was set when less time had passed, and rings no later than it must
        }
        loop {
            let ends = match (idle_since(position), self.head_since) {
                (Some(_), Some(head)) => Some((later(head, self.head), TimedOut::Head)),
                (Some(idle), None) => Some((later(idle, self.keep_alive), TimedOut::Idle)),
                (None, _) => None,
            };
            // hyper need not poll again when an exchange has begun and ended, so the alarm rings by the time at which
            // the connection may have been idle for too long.
            let look_again = || {
                let at = later(self.clock.now(), self.keep_alive);
                ends.map_or(at, |(deadline, _)| deadline.min(at))
            };
            let alarm = match &mut self.alarm {
                Some(alarm) => alarm,
                alarm => alarm.insert(PollOnWake::new(self.clock.alarm_at(look_again()))),
            };
            let woken = alarm.wake();
            if let Some((deadline, _)) = ends
                && woken.deadline() > deadline
            {
                woken.reset(deadline);
            }
            ready!(Pin::new(&mut *alarm).poll(cx));
            let woken = alarm.wake();
            match ends {
                Some((deadline, timed_out)) if woken.deadline() >= deadline => return Poll::Ready(timed_out),
                _ => woken.reset(look_again()),
            }
        }
    }

    /// Nothing has arrived, as [`ReadTimeouts::poll`] was told. Ready when the client has been silent for so long that
    /// its buffers can be freed.
    pub(crate) fn poll_long_idle(&mut self, cx: &mut Context<'_>, position: Position) -> Poll<()> {
        if is_armed(&mut self.long_idle, cx) {
            return Poll::Pending;
        }
        let idle_since = idle_since(position).filter(|_| self.head_since.is_none());
        loop {
            let at = later(idle_since.unwrap_or_else(|| self.clock.now()), LONG_IDLE);
            let alarm = match &mut self.long_idle {
                Some(alarm) => alarm,
                alarm => alarm.insert(PollOnWake::new(self.clock.quiet_alarm_at(at))),
            };
            alarm.wake();
            ready!(Pin::new(&mut *alarm).poll(cx));
            if alarm.wake().deadline() >= at {
                self.long_idle = None;
                return Poll::Ready(());
            }
            alarm.wake().reset(at);
        }
    }

    /// An exchange that has begun since then ends what was before.
    fn observe(&mut self, position: Position) {
        if position.exchange != self.seen {
            (self.seen, self.has_read, self.head_since) = (position.exchange, false, None);
        }
    }
}

fn idle_since(position: Position) -> Option<Instant> {
    match position.phase {
        Phase::Idle { since } => Some(since),
        _ => None,
    }
}

/// Whether an alarm is set and has not rung. Most often it was polled before, and then this costs almost nothing.
fn is_armed(alarm: &mut Option<PollOnWake<Alarm>>, cx: &mut Context<'_>) -> bool {
    alarm.as_mut().is_some_and(|alarm| Pin::new(alarm).poll(cx).is_pending())
}

/// How long a client is silent before its connection waits without hyper. Short, so that most idle connections get
/// there; long enough that a client with one request after the other never does.
const LONG_IDLE: Duration = Duration::from_secs(1);
