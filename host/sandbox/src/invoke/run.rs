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

/// A call in progress. Dropping it cancels the guest and frees everything that it held.
pub(crate) struct Run {
    /// `Err`: it has ended, with this result.
    call: Result<Work<Result<(), Fault>>, Result<(), Fault>>,
    /// Made at the first wait, because most guests never wait. Fires when the time has to be checked.
    timer: Option<Pin<Box<Sleep>>>,
    /// The limit that was exceeded.
    overrun: Option<Overrun>,
    /// Whether the guest is told that its client has disconnected.
    is_told: bool,
    /// How long it may go on after that, and until when.
    last_words: Duration,
    end_of_last_words: Option<Instant>,
    name: Arc<str>,
    id: LogId,
    answer: Arc<Answer>,
    lifetime: Option<Arc<dyn Lifetime>>,
    /// Its content ends with it, and so is cut off at the end of its time.
    is_content: bool,
}

impl Run {
    /// Prepares a call. Nothing happens before the first poll.
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

    /// Runs the guest until it waits or ends. May be called again after the end.
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
                    self.call = Err(Ok(())); // the store is dropped, and may record the reason
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

    /// Aborts the exchange. A server that waits for a slow client does not ask for content, and so would not notice the
    /// end of the time.
    fn break_off(&self, why: &Fault) {
        if let Some(lifetime) = self.lifetime.as_ref().filter(|_| self.is_content) {
            lifetime.abort(why.clone());
        }
    }

    /// The fault of a guest whose time is over.
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

    /// The client has disconnected. A guest that imports `lifetime` is told, and has a moment to clean up. Any other
    /// ends here.
    pub(crate) fn abandon(self) {
        if self.is_told && self.call.is_ok() && Handle::try_current().is_ok() {
            self.answer.abandon();
            self.spawn();
        }
    }

    /// The log id of its exchange.
    pub(crate) fn id(&self) -> &LogId {
        &self.id
    }

    /// From now on the guest produces the content, until it ends.
    pub(crate) fn make_content(&mut self) {
        self.is_content = true;
    }

    pub(crate) fn has_ended_well(&self) -> bool {
        matches!(self.call, Err(Ok(())))
    }

    /// Lets the guest work on within its time. Its answer records how it ended. The returned value can end it earlier.
    ///
    /// It gets a task of its own, because a server does not always ask for content: a client that reads nothing must
    /// delay neither the guest's deadline, nor its end.
    pub(crate) fn spawn(mut self) -> Option<Working> {
        if let Err(ended) = &self.call {
            self.answer.end(ended.clone());
            return None;
        }
        self.answer.time.fall_silent(Instant::now()); // until it produces content, or ends
        let (is_told, answer) = (self.is_told, Arc::clone(&self.answer));
        let task = tokio::spawn(async move {
            let ended = poll_fn(|cx| self.poll(cx)).await;
            self.answer.end(ended);
        });
        Some(Working { task: task.abort_handle(), is_told, answer })
    }
}

/// The answer whose head is held back to the end of a step, if the client waits to be asked for its content. A guest in
/// several exchanges at once has no steps of its own.
fn waiting_for_steps(handler: &Handler, exchange: &Exchange) -> Option<Arc<Answer>> {
    exchange.features.expect_continue.as_ref()?;
    if handler.instances.are_shared() {
        return None;
    }
    exchange.answer.wait_for_step();
    Some(Arc::clone(&exchange.answer))
}

/// A guest that runs in a task of its own.
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
    /// Ends the answer, so that nothing waits for it forever, even if the host panicked in one of the guest's calls.
    fn drop(&mut self) {
        if self.call.is_ok() {
            self.answer.leave_unfinished();
            self.answer.end(Err(HostFault::Internal.into()));
        }
    }
}
