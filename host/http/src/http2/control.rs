//! What an application wants of its stream besides the response: to reset it, and to send something before the
//! response. The application says so here, from any task; the stream's own task does it.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use h2::Reason;
use http::{HeaderMap, Response, StatusCode};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;
use windhover_contract::{ClientFault, ExpectContinue, Fault, GuestFault, Informational, Lifetime, Reset};

use crate::ending::Ending;

/// What the application of one stream wants.
pub(crate) struct Control {
    state: Mutex<State>,
    changed: Notify,
    /// Why the server ends the connection, if it does.
    ending: Arc<Ending>,
}

#[derive(Default)]
struct State {
    reset: Option<Reason>,
    /// Why the stream ends before its response is complete.
    why: Option<Fault>,
    asks_for_content: bool,
    will_read: bool,
    /// Nobody wants the content any more.
    is_abandoned: bool,
    interim: Stage,
    sender: Option<Waker>,
}

#[derive(Default)]
enum Stage {
    #[default]
    Idle,
    Waiting(Response<()>),
    Sending,
    Sent,
}

/// What the stream's task must do.
pub(crate) enum Command {
    /// Reset the stream with this code.
    Reset(Reason),
    /// Send this, and then call [`Control::is_sent`].
    Send(Response<()>),
}

impl Control {
    pub(crate) fn new(ending: Arc<Ending>) -> Self {
        Self { state: Mutex::default(), changed: Notify::new(), ending }
    }

    /// Sets the reason for which the stream ends before its response is complete. The first reason stands.
    pub(crate) fn end(&self, why: impl Into<Fault>) {
        self.state().why.get_or_insert(why.into());
    }

    /// The next command.
    pub(crate) async fn next_command(&self) -> Command {
        loop {
            let changed = self.changed.notified();
            if let Some(command) = self.take_command() {
                return command;
            }
            changed.await;
        }
    }

    /// Waits for the command to reset the stream, the only one that counts once the response has begun.
    pub(crate) async fn reset_wanted(&self) -> Reason {
        loop {
            if let Command::Reset(reason) = self.next_command().await {
                return reason;
            }
        }
    }

    /// The code of the reset that is wanted, if one is.
    pub(crate) fn reset_already(&self) -> Option<Reason> {
        self.state().reset
    }

    /// The content of the client is malformed (RFC 9113 §8.1.1).
    pub(crate) fn refuse_malformed(&self) {
        self.cut(Reason::PROTOCOL_ERROR, ClientFault::BodyIncomplete.into());
    }

    /// The interim response has been sent.
    pub(crate) fn is_sent(&self) {
        let mut state = self.state();
        if let Stage::Sending = state.interim {
            state.interim = Stage::Sent;
        }
        if let Some(sender) = state.sender.take() {
            sender.wake();
        }
    }

    /// Asks the client for the content that it holds back (RFC 9110 §15.2.1).
    pub(crate) fn ask_for_content(&self) {
        let mut state = self.state();
        (state.asks_for_content, state.will_read) = (true, false);
        drop(state);
        self.changed.notify_one();
    }

    /// The application does not want the content any more.
    pub(crate) fn abandon_content(&self) {
        self.state().is_abandoned = true;
    }

    /// Before the head of the response: whether the client must still be asked for its content.
    pub(crate) fn must_ask(&self) -> bool {
        let mut state = self.state();
        let will_read = std::mem::take(&mut state.will_read) && !state.is_abandoned;
        std::mem::take(&mut state.asks_for_content) || will_read
    }

    fn take_command(&self) -> Option<Command> {
        let mut state = self.state();
        if let Some(reason) = state.reset {
            return Some(Command::Reset(reason));
        }
        if std::mem::take(&mut state.asks_for_content) {
            return Some(Command::Send(interim(StatusCode::CONTINUE, HeaderMap::new())));
        }
        match std::mem::take(&mut state.interim) {
            Stage::Waiting(response) => {
                state.interim = Stage::Sending;
                Some(Command::Send(response))
            }
            other => {
                state.interim = other;
                None
            }
        }
    }

    fn cut(&self, reason: Reason, why: Fault) {
        self.end(why);
        self.state().reset.get_or_insert(reason);
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

impl Lifetime for Control {
    /// As Kestrel.
    fn abort(&self, why: Fault) {
        self.cut(Reason::INTERNAL_ERROR, why);
    }

    fn broken_off(&self) -> Option<Fault> {
        self.state().why.clone().or_else(|| self.ending.fault())
    }
}

impl Reset for Control {
    fn reset(&self, code: u64) {
        let reason = u32::try_from(code).map_or(Reason::INTERNAL_ERROR, Reason::from);
        self.cut(reason, GuestFault::Aborted.into());
    }
}

impl ExpectContinue for Control {
    /// The client is asked when the content is read, and at the latest before the head.
    fn will_read(&self) {
        self.state().will_read = true;
    }
}

impl Informational for Control {
    fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()> {
        let mut state = self.state();
        match state.interim {
            Stage::Idle => {
                state.interim = Stage::Waiting(interim(status, fields.clone()));
                self.changed.notify_one();
            }
            Stage::Waiting(_) | Stage::Sending => {}
            Stage::Sent => {
                state.interim = Stage::Idle;
                return Poll::Ready(());
            }
        }
        state.sender = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// An interim response.
pub(crate) fn interim(status: StatusCode, fields: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.headers_mut() = fields;
    response
}
