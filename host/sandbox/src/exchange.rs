//! The current exchange as its guest sees it: what came in, and how far the answer is.

use std::sync::{Arc, LazyLock, OnceLock};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Version};
use http_body_util::BodyExt;
use tracing::info;
use windhover_contract::{Body, ClientFault, Fault, Features, Target};

use crate::answer::Answer;
use crate::grants::Grants;
use crate::limits::WebSocketLimits;
use crate::log_id::LogId;
use crate::presence::Presence;
use crate::websocket::WebSocket;

/// One exchange, owned by the store of its guest.
pub(crate) struct Exchange {
    /// The deployment's name, for the log.
    pub(crate) app: Arc<str>,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    pub(crate) features: Features,
    pub(crate) content: Content,
    pub(crate) progress: Progress,
    pub(crate) answer: Arc<Answer>,
    pub(crate) presence: Presence,
    /// What the client sends in the protocol that the guest has taken over to.
    pub(crate) upgraded: Option<Box<Content>>,
    pub(crate) websocket: Option<Box<WebSocket>>,
    /// What the guest adds to the record of this exchange.
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) websocket_limits: WebSocketLimits,
}

impl Exchange {
    /// Closes the WebSocket of a guest that has ended, well or not, and left it open.
    pub(crate) async fn close_websocket(&mut self, is_well: bool) {
        if let Some(websocket) = self.websocket.take() {
            websocket.finish(&self.answer, if is_well { NORMAL } else { INTERNAL_ERROR }).await;
        }
    }
}

impl Drop for Exchange {
    /// However it ended, and so also where its guest was cut off: what the guest said of it is recorded.
    fn drop(&mut self) {
        if !self.tags.is_empty() {
            let (app, id) = (&self.app, LogId::from(&self.features));
            let tags: Vec<_> = self.tags.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            info!(%app, %id, tags = %tags.join(" "), "the guest has tagged an exchange");
        }
    }
}

/// How far the guest is with its answer.
pub(crate) enum Progress {
    /// Nothing yet.
    Unanswered,
    /// `send`: all is said.
    Sent,
    /// `start`: content may follow, exactly `remaining` octets of it if the guest gave itself a length.
    Started { remaining: Option<u64>, allows_content: bool, trailers: Vec<String> },
    /// `upgrade.accept`: the connection is the guest's.
    Upgraded,
}

/// The request's content and what went wrong with it.
pub(crate) struct Content {
    source: Source,
    /// The most that the host collects for the guest: what the guest itself may hold.
    max_held: usize,
    /// What arrived and was not yet wanted.
    surplus: Bytes,
    /// What stood behind the content, once that was read to its end.
    trailers: Option<HeaderMap>,
    /// The client's fault that ended the content.
    fault: Option<ClientFault>,
    /// The same, where another reader met it.
    fault_elsewhere: Option<Arc<OnceLock<ClientFault>>>,
}

enum Source {
    Open(Body),
    Ended,
    /// A wasi:http guest reads it through `wasi:http/types`.
    Taken,
}

/// Why content cannot be read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ContentError {
    Client(ClientFault),
    LargerThanAsked,
    Taken,
}

impl Content {
    pub(crate) fn new(body: Body, max_held: usize) -> Self {
        Self {
            source: Source::Open(body),
            max_held,
            surplus: Bytes::new(),
            trailers: None,
            fault: None,
            fault_elsewhere: None,
        }
    }

    /// Whether there may be something to read.
    pub(crate) fn may_have_more(&self) -> bool {
        !self.surplus.is_empty()
            || match &self.source {
                Source::Open(body) => !body.is_empty(),
                Source::Ended => false,
                Source::Taken => true,
            }
    }

    /// What the client did wrong with its content. A guest that fails after it failed because of it, so the client
    /// hears of its own fault and not of a broken guest.
    pub(crate) fn fault(&self) -> Option<ClientFault> {
        self.fault.or_else(|| self.fault_elsewhere.as_ref()?.get().copied())
    }

    /// What stood behind the content. `None`: it is not read to its end.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        match &self.source {
            Source::Open(body) if body.is_empty() => Some(&NONE),
            Source::Ended => self.trailers.as_ref(),
            Source::Open(_) | Source::Taken => None,
        }
    }

    /// Gives the content away, whole, to another reader, who reports the client's fault into the cell.
    pub(crate) fn take(&mut self) -> (Body, Arc<OnceLock<ClientFault>>) {
        match std::mem::replace(&mut self.source, Source::Taken) {
            Source::Open(body) if !body.is_empty() => (body, Arc::clone(self.fault_elsewhere.get_or_insert_default())),
            Source::Open(_) | Source::Ended | Source::Taken => (Body::empty(), Arc::default()),
        }
    }

    /// Whether another reader still has it: who has the content has the connection.
    pub(crate) fn is_kept(&self) -> bool {
        self.fault_elsewhere.as_ref().is_some_and(|cell| Arc::strong_count(cell) > 1)
    }

    /// The next piece: at least one octet, at most `max`. Empty: the end.
    pub(crate) async fn read(&mut self, max: usize) -> Result<Bytes, ContentError> {
        if self.surplus.is_empty() {
            self.surplus = self.next_piece().await?;
        }
        Ok(self.surplus.split_to(self.surplus.len().min(max)))
    }

    /// All that is left, if it is at most `max` octets.
    pub(crate) async fn read_all(&mut self, max: usize) -> Result<Vec<u8>, ContentError> {
        let mut all = Vec::new();
        loop {
            let piece = self.read(usize::MAX).await?;
            if piece.is_empty() {
                return Ok(all);
            }
            if all.len() + piece.len() > max.min(self.max_held) {
                return Err(ContentError::LargerThanAsked);
            }
            all.extend_from_slice(&piece);
        }
    }

    async fn next_piece(&mut self) -> Result<Bytes, ContentError> {
        if let Some(fault) = self.fault {
            return Err(ContentError::Client(fault));
        }
        let body = match &mut self.source {
            Source::Open(body) => body,
            Source::Ended => return Ok(Bytes::new()),
            Source::Taken => return Err(ContentError::Taken),
        };
        loop {
            match body.frame().await.transpose() {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) if data.has_remaining() => return Ok(data),
                    Ok(_) => {} // an empty piece would look like the end
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Ok(None) => {
                    self.source = Source::Ended;
                    self.trailers.get_or_insert_default();
                    return Ok(Bytes::new());
                }
                Err(fault) => {
                    let fault = client_fault(&fault);
                    self.source = Source::Ended;
                    self.fault = Some(fault);
                    return Err(ContentError::Client(fault));
                }
            }
        }
    }
}

/// A request's content fails by its client; whatever else a server may report, the content is not whole.
pub(crate) fn client_fault(fault: &Fault) -> ClientFault {
    match fault {
        Fault::Client(fault) => *fault,
        Fault::Guest(_) | Fault::Host(_) => ClientFault::BodyIncomplete,
    }
}

/// RFC 6455 §7.4.1: how a WebSocket is closed whose guest has ended without closing it.
const NORMAL: u16 = 1000;
const INTERNAL_ERROR: u16 = 1011;
