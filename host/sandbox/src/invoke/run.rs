//! Runs a guest for one exchange, within its time. Until the head is there, the exchange polls it, so a guest that
//! answers at once costs no task. A guest that works on longer gets a task of its own.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};
use tracing::warn;
use windhover_contract::{ClientFault, Fault, Feature, GuestFault, HostFault, Lifetime};

use crate::answer::Answer;
use crate::exchange::Exchange;
use crate::exchange::log_id::LogId;
use crate::invoke::handler::Handler;
use crate::scheduling::admission::Permit;
use crate::scheduling::background::Work;
use crate::scheduling::time_limit::Overrun;

/// A call under way. Dropping it cancels the guest and frees all it held.
pub(crate) struct Run {
    /// `Err`: how it ended.
    call: Result<Work<Result<(), Fault>>, Result<(), Fault>>,
    /// Made at the first wait: most guests never wait. Rings when the time is to be looked at.
    timer: Option<Pin<Box<Sleep>>>,
    /// Which time is over.
    overrun: Option<Overrun>,
    /// Whether the guest wants to hear that its client has left.
    is_told: bool,
    /// How long it may go on then, and until when that is.
    last_words: Duration,
    end_of_last_words: Option<Instant>,
    name: Arc<str>,
    id: LogId,
    answer: Arc<Answer>,
    lifetime: Option<Arc<dyn Lifetime>>,
    /// Its content ends when it does, and so is cut off when its time is over.
    is_content: bool,
}

impl Run {
    /// Readies a call; nothing happens before the first poll.
    pub(crate) fn start(handler: &Arc<Handler>, exchange: Box<Exchange>, permit: Permit) -> Self {
        Self {
            timer: None,
            overrun: None,
            is_told: handler.factory.guest.needs().contains(&Feature::Lifetime),
            last_words: handler.app.limits.last_words,
            end_of_last_words: None,
            name: Arc::clone(&handler.app.name),
            id: LogId::from(&exchange.features),
            answer: Arc::clone(&exchange.answer),
            lifetime: exchange.features.lifetime.clone(),
            is_content: false,
            call: Ok(Work::new(&handler.app.scheduler, {
                let handler = Arc::clone(handler);
                let steps = waiting_for_steps(&handler, &exchange);
                async move {
                    let ended = {
                        let mut answering = pin!(handler.instances.answer(&handler.factory, exchange));
                        poll_fn(|cx| {
                            let polled = answering.as_mut().poll(cx);
                            if let Some(answer) = &steps {
                                answer.end_step();
                            }
                            polled
                        })
                        .await
                    };
                    if let Err(Fault::Guest(GuestFault::Trapped)) = ended {
                        handler.app.scheduler.has_trapped();
                    }
                    permit.end(&ended); // when the store is gone, not when the answer has been sent
                    ended
                }
            })),
        }
    }

    /// Lets the guest work until it waits or ends. May be asked again after the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let call = match &mut self.call {
            Ok(call) => call,
            Err(ended) => return Poll::Ready(ended.clone()),
        };
        let ended = match Pin::new(call).poll(cx) {
            Poll::Ready(ended) => ended,
            Poll::Pending => match self.poll_timer(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(()) => {
                    self.answer.leave_unfinished();
                    self.call = Err(Ok(())); // the store is dropped, and may say why it came to this
                    let fault = self.overdue();
                    self.break_off(&fault);
                    Err(fault)
                }
            },
        };
        self.call = Err(ended.clone()); // here the store is dropped
        self.timer = None;
        Poll::Ready(ended)
    }

    /// Ready when the guest's time is over.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let mut is_due = self.timer.is_none() | self.answer.time.is_changed();
        if self.is_told && self.end_of_last_words.is_none() && self.answer.poll_abandoned(cx).is_ready() {
            self.end_of_last_words = Some(Instant::now() + self.last_words);
            is_due = true;
        }
        loop {
            if is_due {
                let now = Instant::now();
                if self.end_of_last_words.is_some_and(|end| end <= now) {
                    return Poll::Ready(());
                }
                let next = match self.answer.time.check(now) {
                    Ok(next) => self.end_of_last_words.map_or(next, |end| end.min(next)),
                    Err(overrun) => {
                        self.overrun = Some(overrun);
                        return Poll::Ready(());
                    }
                };
                match &mut self.timer {
                    Some(timer) => timer.as_mut().reset(next),
                    timer => *timer = Some(Box::pin(tokio::time::sleep_until(next))),
                }
            }
            if let Some(timer) = &mut self.timer {
                ready!(timer.as_mut().poll(cx));
            }
            is_due = true;
        }
    }

    /// The time of an exchange holds also while the server waits for a client that takes nothing: then it does not ask
    /// for what comes next, and would not hear of the end.
    fn break_off(&self, why: &Fault) {
        if let Some(lifetime) = self.lifetime.as_ref().filter(|_| self.is_content) {
            lifetime.abort(why.clone());
        }
    }

    /// What a guest has done whose time is over.
    fn overdue(&self) -> Fault {
        let (app, id) = (&self.name, &self.id);
        let Some(overrun) = self.overrun else {
            warn!(%app, %id, "the guest went on for {:?} after its client had disconnected, and was ended", self.last_words);
            return ClientFault::Gone.into();
        };
        let limit = self.answer.time.limit_of(overrun);
        if self.answer.lacks_room() {
            let max = self.answer.room.max();
            warn!(
                %app,
                %id,
                "the guest waited for room for content until its time limit of {limit:?}: the host holds {max} bytes of \
                 content for all guests, which is its limit (max_buffered)"
            );
            return HostFault::NoRoom.into();
        }
        match overrun {
            Overrun::Head if self.answer.is_held_back() => warn!(
                %app,
                %id,
                "the guest exceeded its time limit of {limit:?}: it wrote content before it called \
                 response-outparam.set, and nobody reads content until then; set the outparam first"
            ),
            Overrun::Head => warn!(%app, %id, "the guest sent no head within its time limit (timeout) of {limit:?}"),
            Overrun::Silence => {
                warn!(%app, %id, "after its head the guest sent nothing for longer than its limit (idle-timeout), {limit:?}");
            }
            Overrun::Answer => {
                warn!(%app, %id, "the guest's whole answer took longer than its limit (answer-timeout), {limit:?}");
            }
            Overrun::Most => warn!(
                %app,
                %id,
                "the exchange took longer than its limit where the client has no minimum data rate (max-timeout), {limit:?}"
            ),
        }
        GuestFault::DeadlineExceeded.into()
    }

    /// The client has left. A guest that wants to hear of it does, and has a moment to put away what it has begun; any
    /// other ends here.
    pub(crate) fn abandon(self) {
        if self.is_told && self.call.is_ok() && Handle::try_current().is_ok() {
            self.answer.abandon();
            self.spawn();
        }
    }

    /// What the log calls its exchange.
    pub(crate) fn id(&self) -> &LogId {
        &self.id
    }

    /// Says that the guest makes the content from now on, until it ends.
    pub(crate) fn make_content(&mut self) {
        self.is_content = true;
    }

    pub(crate) fn has_ended_well(&self) -> bool {
        matches!(self.call, Err(Ok(())))
    }

    /// Lets the guest work on, within its time; how it ended is in its answer then. What this returns can end it
    /// before.
    ///
    /// A task of its own, because whoever waits for content does not always ask for it: a client that reads nothing
    /// must neither hold up the guest's deadline, nor its end when it has nothing left to do.
    pub(crate) fn spawn(mut self) -> Option<Working> {
        if let Err(ended) = &self.call {
            self.answer.end(ended.clone());
            return None;
        }
        self.answer.time.fall_silent(Instant::now()); // until it gives content, or its end
        let (is_told, answer) = (self.is_told, Arc::clone(&self.answer));
        let task = tokio::spawn(async move {
            let ended = poll_fn(|cx| self.poll(cx)).await;
            self.answer.end(ended);
        });
        Some(Working { task: task.abort_handle(), is_told, answer })
    }
}

/// The answer whose head waits for the end of its step: where the client waits to be asked for its content. A guest that
/// is in several exchanges at once has no steps of its own.
fn waiting_for_steps(handler: &Handler, exchange: &Exchange) -> Option<Arc<Answer>> {
    exchange.features.expect_continue.as_ref()?;
    if handler.instances.are_shared() {
        return None;
    }
    exchange.answer.wait_for_step();
    Some(Arc::clone(&exchange.answer))
}

/// A guest at work in a task of its own.
pub(crate) struct Working {
    task: AbortHandle,
    is_told: bool,
    answer: Arc<Answer>,
}

impl Working {
    /// As [`Run::abandon`].
    pub(crate) fn abandon(self) {
        if self.is_told { self.answer.abandon() } else { self.task.abort() }
    }
}

impl Drop for Run {
    /// Whoever waits for this guest must not wait for ever, even if the host itself panicked in one of its calls.
    fn drop(&mut self) {
        if self.call.is_ok() {
            self.answer.leave_unfinished();
            self.answer.end(Err(HostFault::Internal.into()));
        }
    }
}
