//! One guest at work on one exchange: its store, its call, its time. Polled by the exchange while that waits for the head,
//! so a guest that answers at once costs no task; one that is at work longer gets a task of its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::{Instant, Sleep};
use tracing::{info, warn};
use wasmtime::{Store, UpdateDeadline};
use windhover_contract::{ClientFault, Fault, Feature, GuestFault, HostFault};

use crate::admission::Permit;
use crate::answer::Answer;
use crate::exchange::Exchange;
use crate::guest::Kind;
use crate::state::State;
use crate::{Deployed, trap, wasi};

/// A call under way. Dropping it cancels the guest and frees all it held.
pub(crate) struct Run {
    /// `Err`: how it ended.
    call: Result<Call, Result<(), Fault>>,
    /// Made at the first wait: most guests never wait.
    alarm: Option<Pin<Box<Sleep>>>,
    /// Whether the guest wants to hear that its client has left.
    is_told: bool,
    /// How long it may go on then, and until when that is.
    last_words: Duration,
    end_of_last_words: Option<Instant>,
    name: Arc<str>,
    answer: Arc<Answer>,
    /// Given back when the store is gone, not when the answer has been sent.
    permit: Option<Permit>,
}

type Call = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

impl Run {
    /// Readies a call; nothing happens before the first poll.
    pub(crate) fn start(deployed: &Arc<Deployed>, exchange: Exchange, permit: Permit) -> Self {
        Self {
            alarm: None,
            is_told: deployed.guest.needs().contains(&Feature::Lifetime),
            last_words: deployed.limits.last_words,
            end_of_last_words: None,
            name: Arc::clone(&deployed.name),
            answer: Arc::clone(&exchange.answer),
            call: Ok(Box::pin(call(Arc::clone(deployed), exchange))),
            permit: Some(permit),
        }
    }

    /// Lets the guest work until it waits or ends. May be asked again after the end.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let call = match &mut self.call {
            Ok(call) => call,
            Err(ended) => return Poll::Ready(ended.clone()),
        };
        let ended = match call.as_mut().poll(cx) {
            Poll::Ready(ended) => ended,
            Poll::Pending => match self.poll_alarm(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(fault) => {
                    self.answer.leave_unfinished();
                    Err(fault)
                }
            },
        };
        self.call = Err(ended.clone()); // here the store is dropped
        (self.alarm, self.permit) = (None, None);
        Poll::Ready(ended)
    }

    /// Ready when the guest's time is over.
    fn poll_alarm(&mut self, cx: &mut Context<'_>) -> Poll<Fault> {
        if self.is_told && self.end_of_last_words.is_none() && self.answer.poll_abandoned(cx).is_ready() {
            self.end_of_last_words = Some(Instant::now() + self.last_words);
        }
        let deadline = self.answer.time.deadline();
        let deadline = self.end_of_last_words.map_or(deadline, |end| end.min(deadline));
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline); // the guest has changed it, or its client has left
        }
        std::task::ready!(alarm.as_mut().poll(cx));
        Poll::Ready(if self.end_of_last_words.is_some() {
            warn!(app = %self.name, "the guest went on for {:?} after its client had left", self.last_words);
            ClientFault::Gone.into()
        } else {
            let limit = self.answer.time.limit();
            warn!(app = %self.name, "the guest exceeded its time limit of {limit:?}");
            GuestFault::DeadlineExceeded.into()
        })
    }

    /// The client has left. A guest that wants to hear of it does, and has a moment to put away what it has begun; any other
    /// ends here.
    pub(crate) fn abandon(self) {
        if self.is_told && self.call.is_ok() && Handle::try_current().is_ok() {
            self.answer.abandon();
            self.spawn();
        }
    }

    pub(crate) fn has_ended_well(&self) -> bool {
        matches!(self.call, Err(Ok(())))
    }

    /// Lets the guest work on, within its time; how it ended is in its answer then. What this returns can end it before.
    ///
    /// A task of its own, because whoever waits for content does not always ask for it: a client that reads nothing
    /// must neither hold up the guest's deadline, nor its end when it has nothing left to do.
    pub(crate) fn spawn(mut self) -> Option<Working> {
        if let Err(ended) = &self.call {
            self.answer.end(ended.clone());
            return None;
        }
        let (is_told, answer) = (self.is_told, Arc::clone(&self.answer));
        let task = tokio::spawn(async move {
            let ended = poll_fn(|cx| self.poll(cx)).await;
            self.answer.end(ended);
        });
        Some(Working { task: task.abort_handle(), is_told, answer })
    }
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

async fn call(deployed: Arc<Deployed>, exchange: Exchange) -> Result<(), Fault> {
    let mut store = Store::new(deployed.guest.engine().wasmtime(), State::new(Arc::clone(&deployed), exchange));
    store.limiter(|state| &mut state.memory);
    // A guest that computes gives way to others on its core at each tick. By tokio's own yield: a plain one would be
    // back in the queue at once, and a runtime looks at its sockets and timers only every so many turns.
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
    // What one call may copy into the host: no more than the guest itself may hold.
    store.set_hostcall_fuel(deployed.limits.max_memory);
    let ended = call_export(&deployed.guest.kind, &mut store).await;
    let exchange = store.data_mut().exchange();
    if !exchange.tags.is_empty() {
        let id = exchange.features.identifier.as_ref().map(|identifier| identifier.to_string()).unwrap_or_default();
        let tags: Vec<_> = exchange.tags.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
        info!(app = %deployed.name, %id, tags = %tags.join(" "), "the guest has tagged an exchange");
    }
    if let Some(websocket) = exchange.websocket.take() {
        let (answer, code) = (Arc::clone(&exchange.answer), if ended.is_ok() { NORMAL } else { INTERNAL_ERROR });
        websocket.finish(&answer, code).await;
    }
    if store.data_mut().has_unfinished_content() {
        store.data_mut().exchange().answer.leave_unfinished();
    }
    ended.map_err(|error| trap::fault(error, store.data_mut()))
}

async fn call_export(kind: &Kind, store: &mut Store<State>) -> wasmtime::Result<()> {
    match kind {
        Kind::Application(guest) => guest.instantiate_async(&mut *store).await?.call_handle(store).await,
        Kind::WasiHttp(guest) => {
            let guest = guest.instantiate_async(&mut *store).await?;
            let (request, outparam) = wasi::resources(store.data_mut())?;
            guest.wasi_http_incoming_handler().call_handle(store, request, outparam).await
        }
    }
}

/// RFC 6455 §7.4.1: how a WebSocket is closed whose guest has ended without closing it.
const NORMAL: u16 = 1000;
const INTERNAL_ERROR: u16 = 1011;
