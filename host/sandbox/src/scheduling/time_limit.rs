//! Limits the time of an exchange. Until the head, a time limit runs, which does not count waiting for a client that
//! sends its content fast enough. After the head, only the guest's silence is limited, and the whole answer if the
//! app's limits say so. How slow a client may be is the server's decision.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use windhover_contract::{DataRate, ExchangeLimits};

use crate::limits::SandboxLimits;

/// The time limit of one exchange.
pub(crate) struct TimeLimit {
    begin: Instant,
    times: Times,
    /// What the server requires of the client. `None`: nothing.
    client: Option<Arc<ExchangeLimits>>,
    state: Mutex<State>,
    /// The last result of [`TimeLimit::check`] is outdated.
    is_changed: AtomicBool,
}

/// The limits of the app.
#[derive(Clone, Copy)]
struct Times {
    usual: Duration,
    max: Duration,
    idle: Duration,
    answer: Option<Duration>,
}

struct State {
    /// Until the head; after an upgrade, until the end.
    limit: Duration,
    /// The guest has set this limit itself.
    is_asked: bool,
    phase: Phase,
    content: Content,
}

/// The progress of the answer.
enum Phase {
    /// The head is not sent yet.
    Head,
    /// The server has content of it, or has not asked for more, so it does not wait for the guest.
    Taken,
    /// The guest has produced nothing since then. `waited`: time that had been spent until then on waiting for the
    /// client's content.
    Silent { since: Instant, waited: Duration },
    /// The connection uses another protocol, and nobody knows which side is to send next.
    Upgraded,
}

/// The waits for the request's content.
#[derive(Default)]
struct Content {
    /// The minimum data rate, if there is one. Known from the first wait on.
    rate: Option<Option<DataRate>>,
    /// Bytes that had arrived at the last wait.
    received: u64,
    /// The sum of all finished waits.
    waited: Duration,
    waits_since: Option<Instant>,
}

/// The limit that was exceeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overrun {
    /// The time until the head.
    Head,
    /// The guest's silence after the head.
    Silence,
    /// The whole answer.
    Answer,
    /// The maximum of an exchange without a minimum data rate: after an upgrade, or if the client may be as slow as it
    /// likes.
    Most,
}

impl TimeLimit {
    /// Starts now. `client`: what the server requires of the client.
    pub(crate) fn begin(limits: &SandboxLimits, client: Option<Arc<ExchangeLimits>>) -> Self {
        let times = Times {
            usual: limits.timeout,
            max: limits.max_timeout.max(limits.timeout),
            idle: limits.idle_timeout,
            answer: limits.answer_timeout,
        };
        let state = State { limit: limits.timeout, is_asked: false, phase: Phase::Head, content: Content::default() };
        Self { begin: Instant::now(), times, client, state: Mutex::new(state), is_changed: AtomicBool::new(false) }
    }

    /// The time until the head; after an upgrade, until the end.
    pub(crate) fn limit(&self) -> Duration {
        self.state().limit
    }

    /// The limit that was exceeded.
    pub(crate) fn limit_of(&self, overrun: Overrun) -> Duration {
        let Times { max, answer, .. } = self.times;
        let state = self.state();
        match overrun {
            Overrun::Head => state.limit,
            Overrun::Silence => self.silence(&state),
            Overrun::Answer => answer.unwrap_or(max),
            Overrun::Most => match state.phase {
                Phase::Upgraded => state.limit,
                Phase::Head | Phase::Taken | Phase::Silent { .. } => max,
            },
        }
    }

    /// Changes the time until the head, to at most the maximum of the app. `None`: to that maximum. A guest with a
    /// longer time may also be silent for as long.
    pub(crate) fn change(&self, limit: Option<Duration>) {
        let mut state = self.state();
        (state.limit, state.is_asked) = (limit.map_or(self.times.max, |limit| limit.min(self.times.max)), true);
        self.is_changed.store(true, Ordering::Relaxed);
    }

    /// The connection uses another protocol from now on, for up to the maximum time.
    pub(crate) fn upgrade(&self) {
        let mut state = self.state();
        (state.limit, state.phase) = (self.times.max, Phase::Upgraded);
        self.is_changed.store(true, Ordering::Relaxed);
    }

    /// Returns to the usual time, from now on, after a phase that may take longer.
    pub(crate) fn shorten(&self, now: Instant) {
        let usual = now.saturating_duration_since(self.begin).saturating_add(self.times.usual);
        let mut state = self.state();
        state.limit = state.limit.min(usual);
        self.is_changed.store(true, Ordering::Relaxed);
    }

    /// The guest waits for the client's content, of which `received` bytes have arrived.
    pub(crate) fn wait_for_content(&self, received: u64, now: Instant) {
        let mut state = self.state();
        let content = &mut state.content;
        content.rate.get_or_insert_with(|| self.client.as_ref().and_then(|limits| limits.body().min_data_rate));
        content.received = received;
        content.waits_since.get_or_insert(now);
    }

    /// The wait is over.
    pub(crate) fn go_on(&self, now: Instant) {
        let content = &mut self.state().content;
        if let Some(since) = content.waits_since.take() {
            content.waited += now.saturating_duration_since(since);
        }
    }

    /// The head is there. From now on the guest has to produce content, or end.
    pub(crate) fn fall_silent(&self, now: Instant) {
        let mut state = self.state();
        if let Phase::Head | Phase::Taken = state.phase {
            state.phase = Phase::Silent { since: now, waited: state.content.not_counted(now) };
            self.is_changed.store(true, Ordering::Relaxed);
        }
    }

    /// The server has received content from the guest.
    pub(crate) fn break_silence(&self) {
        let mut state = self.state();
        if let Phase::Silent { .. } = state.phase {
            state.phase = Phase::Taken;
        }
    }

    /// Whether [`TimeLimit::check`] has to be called again before the time that it returned.
    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed.load(Ordering::Relaxed) && self.is_changed.swap(false, Ordering::Relaxed)
    }

    /// The time of the next check. `Err`: the time is over.
    ///
    /// Time that does not count only moves the end back, so it wakes no task: the next check takes it into account.
    pub(crate) fn check(&self, now: Instant) -> Result<Instant, Overrun> {
        let (left, overrun) = self.left_of(&self.state(), now);
        if left.is_zero() {
            return Err(overrun);
        }
        Ok(later(now, left))
    }

    /// The time until the guest is ended, if it does nothing.
    pub(crate) fn left(&self, now: Instant) -> Duration {
        self.left_of(&self.state(), now).0
    }

    fn left_of(&self, state: &State, now: Instant) -> (Duration, Overrun) {
        let Times { max, answer, .. } = self.times;
        let elapsed = now.saturating_duration_since(self.begin);
        let silence = self.silence(state);
        let waited = state.content.not_counted(now);
        let (left, overrun) = match state.phase {
            Phase::Upgraded => return (state.limit.saturating_sub(elapsed), Overrun::Most),
            Phase::Head => (state.limit.saturating_sub(elapsed.saturating_sub(waited)), Overrun::Head),
            Phase::Silent { since, waited: before } => {
                let silent = now.saturating_duration_since(since).saturating_sub(waited.saturating_sub(before));
                let left = silence.saturating_sub(silent);
                // Checked now, because nothing checks again when the silence is over and the client reads nothing.
                match max.saturating_sub(elapsed) {
                    most if self.has_no_min_rate() && most < left => (most, Overrun::Most),
                    _ => (left, Overrun::Silence),
                }
            }
            Phase::Taken if self.has_no_min_rate() => (max.saturating_sub(elapsed), Overrun::Most),
            Phase::Taken => (silence, Overrun::Silence), // as if it began now
        };
        // During a wait the time left does not decrease, so a check at its end would be repeated endlessly.
        let left = if state.content.waits_since.is_some() && !left.is_zero() { left.max(LOOK) } else { left };
        match answer.map(|answer| answer.saturating_sub(elapsed)) {
            Some(all) if all < left => (all, Overrun::Answer),
            _ => (left, overrun),
        }
    }

    /// How long the guest may be silent.
    fn silence(&self, state: &State) -> Duration {
        if state.is_asked { self.times.idle.max(state.limit) } else { self.times.idle }
    }

    /// Whether the client may take the answer as slowly as it likes.
    fn has_no_min_rate(&self) -> bool {
        self.client.as_ref().is_some_and(|limits| limits.min_response_data_rate().is_none())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Content {
    /// Time spent on waiting for a client that was as fast as it must be, up to what the server allows. If the server
    /// requires no rate, all waiting counts.
    fn not_counted(&self, now: Instant) -> Duration {
        let Some(Some(rate)) = self.rate else { return Duration::ZERO };
        let wait = self.waits_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        (self.waited + wait).min(rate.allows(self.received))
    }
}

/// Milliseconds that fit the guest's number.
pub(crate) fn in_milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A later time. Clocks have an end.
fn later(now: Instant, by: Duration) -> Instant {
    now + by.min(FAR)
}

/// How often to check during a wait that may not count.
const LOOK: Duration = Duration::from_millis(50);

/// No exchange lasts this long.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use windhover_contract::Limits;

    use super::*;

    /// Ten seconds to the head, and twenty of silence.
    fn time(change: impl FnOnce(&mut SandboxLimits), client: &Limits) -> TimeLimit {
        let mut limits = SandboxLimits { timeout: seconds(10), idle_timeout: seconds(20), ..SandboxLimits::default() };
        change(&mut limits);
        TimeLimit::begin(&limits, Some(Arc::new(ExchangeLimits::new(client))))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// How much is left at that second, or which time is over.
    fn at(time: &TimeLimit, second: u64) -> Result<u64, Overrun> {
        let now = time.begin + seconds(second);
        time.check(now).map(|next| (next - now).as_secs())
    }

    #[test]
    fn what_a_client_is_given_for_its_content_is_not_counted_and_no_more() {
        // The grace is five seconds, and 24,000 bytes have a hundred.
        for (received, allowed) in [(0, 5), (24_000, 100)] {
            let time = time(|_| (), &Limits::default());
            time.wait_for_content(0, time.begin);
            time.go_on(time.begin + seconds(1));
            assert_eq!(at(&time, 3), Ok(8), "two seconds of its own");
            time.wait_for_content(received, time.begin + seconds(3));
            assert_eq!(at(&time, 2 + allowed), Ok(8));
            assert_eq!(at(&time, 9 + allowed), Ok(1));
            assert_eq!(at(&time, 10 + allowed), Err(Overrun::Head));
        }
    }

    #[test]
    fn a_client_that_may_be_as_slow_as_it_likes_takes_the_guests_own_time() {
        let time = time(|_| (), &Limits { min_request_data_rate: None, ..Limits::default() });
        time.wait_for_content(0, time.begin);
        assert_eq!((at(&time, 9), at(&time, 10)), (Ok(1), Err(Overrun::Head)));
    }

    #[test]
    fn after_the_head_only_silence_counts() {
        let time = time(|_| (), &Limits::default());
        for second in (0..1_000_000).step_by(100_000) {
            time.fall_silent(time.begin + seconds(second));
            assert_eq!(at(&time, second + 19), Ok(1));
            time.break_silence();
            assert_eq!(at(&time, second + 99_999), Ok(20));
        }
        time.fall_silent(time.begin + seconds(1_000_000));
        assert_eq!(at(&time, 1_000_020), Err(Overrun::Silence));
    }

    #[test]
    fn silence_that_waits_for_the_clients_content_does_not_count() {
        let time = time(|_| (), &Limits::default());
        time.fall_silent(time.begin);
        time.wait_for_content(0, time.begin);
        assert_eq!((at(&time, 24), at(&time, 25)), (Ok(1), Err(Overrun::Silence)));
    }

    /// Two threads write and read the times, each with its own reading of the clock.
    #[test]
    fn a_look_that_is_a_little_late_finds_silence_that_has_not_begun() {
        let time = time(|_| (), &Limits::default());
        time.wait_for_content(24_000, time.begin);
        time.fall_silent(time.begin + seconds(10));
        assert_eq!(at(&time, 9), Ok(20));
    }

    #[test]
    fn a_guest_that_asks_for_more_time_may_be_silent_for_as_long_and_one_that_asks_for_less_as_any() {
        for (asked, allowed) in [(Some(seconds(30)), 30), (Some(seconds(1)), 20), (None, 3600)] {
            let time = time(|_| (), &Limits::default());
            time.change(asked);
            time.fall_silent(time.begin);
            assert_eq!((at(&time, allowed - 1), at(&time, allowed)), (Ok(1), Err(Overrun::Silence)));
        }
    }

    #[test]
    fn an_answer_has_a_total_where_that_is_wanted() {
        let time = time(|limits| limits.answer_timeout = Some(seconds(15)), &Limits::default());
        assert_eq!(at(&time, 0), Ok(10));
        time.fall_silent(time.begin);
        time.break_silence();
        assert_eq!((at(&time, 0), at(&time, 15)), (Ok(15), Err(Overrun::Answer)));
    }

    #[test]
    fn where_the_client_may_be_as_slow_as_it_likes_there_is_an_end_all_the_same() {
        let limits = Limits { min_response_data_rate: None, ..Limits::default() };
        let time = time(|limits| limits.max_timeout = seconds(60), &limits);
        time.fall_silent(time.begin);
        time.break_silence();
        assert_eq!((at(&time, 59), at(&time, 60)), (Ok(1), Err(Overrun::Most)));
    }

    #[test]
    fn another_protocol_has_the_most_that_any_exchange_has_and_a_usual_time_after_its_end() {
        let time = time(|limits| limits.max_timeout = seconds(60), &Limits::default());
        time.upgrade();
        time.fall_silent(time.begin);
        time.break_silence();
        assert_eq!(at(&time, 30), Ok(30));
        time.shorten(time.begin + seconds(30));
        assert_eq!((at(&time, 30), at(&time, 40)), (Ok(10), Err(Overrun::Most)));
    }
}
