//! The current exchange as its guest sees it: the request, and the progress of the answer.

pub(crate) mod app;
pub(crate) mod disconnect;
pub(crate) mod fields;
pub(crate) mod leaving;
pub(crate) mod log_id;
pub(crate) mod websocket;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, Method, Version};
use http_body::Body as _;
use tracing::info;
use windhover_contract::{Body, ClientFault, Fault, Features, Target};

use crate::answer::Answer;
use crate::answer::buffers::NoRoom;
use crate::answer::collection::Collection;
use crate::exchange::app::App;
use crate::exchange::disconnect::Disconnect;
use crate::exchange::log_id::LogId;
use crate::exchange::websocket::WebSocket;

/// One exchange, owned by the store of its guest.
pub(crate) struct Exchange {
    pub(crate) app: Arc<App>,
    pub(crate) method: Method,
    pub(crate) target: Target,
    pub(crate) version: Version,
    pub(crate) fields: HeaderMap,
    pub(crate) features: Features,
    pub(crate) content: Content,
    pub(crate) progress: Progress,
    pub(crate) answer: Arc<Answer>,
    pub(crate) disconnect: Disconnect,
    /// Data from the client in the protocol that the guest has upgraded to.
    pub(crate) upgraded: Option<Box<Content>>,
    pub(crate) websocket: Option<Box<WebSocket>>,
    /// Tags that the guest adds to the record of this exchange.
    pub(crate) tags: Vec<(String, String)>,
}

impl Exchange {
    /// Closes the WebSocket of a guest that has ended, successfully or not, without closing it.
    pub(crate) async fn close_websocket(&mut self, is_well: bool) {
        if let Some(websocket) = self.websocket.take() {
            websocket.finish(&self.answer, if is_well { NORMAL } else { INTERNAL_ERROR }).await;
        }
    }
}

impl Drop for Exchange {
    /// Logs the tags, however the exchange ended.
    fn drop(&mut self) {
        if !self.tags.is_empty() {
            let (app, id) = (&self.app.name, LogId::from(&self.features));
            let tags: Vec<_> = self.tags.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
            info!(%app, %id, tags = %tags.join(" "), "the guest tagged its exchange");
        }
    }
}

/// The progress of the answer.
pub(crate) enum Progress {
    /// Not begun.
    Unanswered,
    /// `send`: complete.
    Sent,
    /// `start`: content may follow, exactly `remaining` bytes if the guest announced a length.
    Started { remaining: Option<u64>, allows_content: bool, trailers: Vec<String> },
    /// `upgrade.accept`: the guest owns the connection.
    Upgraded,
}

/// The request's content, and its errors.
pub(crate) struct Content {
    source: Source,
    /// The maximum that the host collects for the guest: the guest's own limit of memory.
    max_held: usize,
    /// Bytes that arrived and were not asked for yet.
    surplus: Bytes,
    /// The trailers, once the content is read to its end.
    trailers: Option<HeaderMap>,
    /// The client's fault that ended the content. The guest knows it.
    fault: Option<ClientFault>,
    /// A fault that follows a piece which the guest gets first.
    fault_ahead: Option<ClientFault>,
    /// A fault that another reader met.
    fault_elsewhere: Option<Arc<OnceLock<ClientFault>>>,
}

enum Source {
    Open(Body),
    Ended,
    /// A wasi:http guest reads it by `wasi:http/types`.
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
            fault_ahead: None,
            fault_elsewhere: None,
        }
    }

    /// Whether there may be more to read.
    pub(crate) fn may_have_more(&self) -> bool {
        !self.surplus.is_empty()
            || self.fault_ahead.is_some()
            || match &self.source {
                Source::Open(body) => !body.is_empty(),
                Source::Ended => false,
                Source::Taken => true,
            }
    }

    /// The client's fault. If a guest fails after it, the guest failed because of it, so the client gets its own fault
    /// and not the guest's.
    pub(crate) fn fault(&self) -> Option<ClientFault> {
        self.fault.or_else(|| self.fault_elsewhere.as_ref()?.get().copied())
    }

    /// The trailers. `None`: the content is not read to its end.
    pub(crate) fn trailers(&self) -> Option<&HeaderMap> {
        static NONE: LazyLock<HeaderMap> = LazyLock::new(HeaderMap::new);
        match &self.source {
            Source::Open(body) if body.is_empty() => Some(&NONE),
            Source::Ended if !self.may_have_more() => self.trailers.as_ref(),
            Source::Open(_) | Source::Ended | Source::Taken => None,
        }
    }

    /// Passes the whole content to another reader, which reports a fault of the client in the cell.
    pub(crate) fn take(&mut self) -> (Body, Arc<OnceLock<ClientFault>>) {
        match std::mem::replace(&mut self.source, Source::Taken) {
            Source::Open(body) if !body.is_empty() => (body, Arc::clone(self.fault_elsewhere.get_or_insert_default())),
            Source::Open(_) | Source::Ended | Source::Taken => (Body::empty(), Arc::default()),
        }
    }

    /// Whether another reader still has it, and with it the connection.
    pub(crate) fn is_kept(&self) -> bool {
        self.fault_elsewhere.as_ref().is_some_and(|cell| Arc::strong_count(cell) > 1)
    }

    /// The next piece, of 1 to `max` bytes. Empty: the end.
    pub(crate) async fn read(&mut self, max: usize) -> Result<Bytes, ContentError> {
        if self.surplus.is_empty() {
            self.surplus = poll_fn(|cx| self.poll_pieces(cx, max)).await?;
        }
        Ok(self.surplus.split_to(self.surplus.len().min(max)))
    }

    /// The rest, if it has at most `max` bytes. It takes room in the host while it is collected.
    pub(crate) async fn read_all(
        &mut self,
        max: usize,
        answer: &Answer,
    ) -> Result<Result<Vec<u8>, ContentError>, NoRoom> {
        let max = max.min(self.max_held);
        let mut all = Collection::new(self.expected().min(max), answer);
        loop {
            let piece = match self.read_piece().await {
                Ok(piece) if piece.is_empty() => return Ok(Ok(all.into_bytes())),
                Ok(piece) => piece,
                Err(error) => return Ok(Err(error)),
            };
            if all.len() + piece.len() > max {
                return Ok(Err(ContentError::LargerThanAsked));
            }
            all.add(&piece).await?;
        }
    }

    /// The minimum that is left, as far as the client has said.
    fn expected(&self) -> usize {
        let coming = match &self.source {
            Source::Open(body) => usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX),
            Source::Ended | Source::Taken => 0,
        };
        coming.saturating_add(self.surplus.len())
    }

    /// The next piece as it arrived.
    async fn read_piece(&mut self) -> Result<Bytes, ContentError> {
        if !self.surplus.is_empty() {
            return Ok(std::mem::take(&mut self.surplus));
        }
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// The next piece. If it is small, the pieces behind it that have arrived are added, because each call of the guest
    /// costs more than such a piece.
    fn poll_pieces(&mut self, cx: &mut Context<'_>, max: usize) -> Poll<Result<Bytes, ContentError>> {
        let first = ready!(self.poll_piece(cx))?;
        let enough = max.min(ENOUGH);
        if first.is_empty() || first.len() >= enough {
            return Poll::Ready(Ok(first));
        }
        let mut all = BytesMut::new();
        for _ in 1..MAX_PIECES {
            match self.poll_piece(cx) {
                Poll::Ready(Ok(piece)) if !piece.is_empty() => {
                    if all.is_empty() {
                        all.extend_from_slice(&first);
                    }
                    all.extend_from_slice(&piece);
                    if all.len() >= enough {
                        break;
                    }
                }
                Poll::Ready(Ok(_)) | Poll::Pending => break,
                Poll::Ready(Err(_)) => {
                    self.fault_ahead = self.fault.take(); // reported when it is reached
                    break;
                }
            }
        }
        Poll::Ready(Ok(if all.is_empty() { first } else { all.freeze() }))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ContentError>> {
        if let Some(fault) = self.fault_ahead.take() {
            self.fault = Some(fault);
        }
        if let Some(fault) = self.fault {
            return Poll::Ready(Err(ContentError::Client(fault)));
        }
        loop {
            let body = match &mut self.source {
                Source::Open(body) => body,
                Source::Ended => return Poll::Ready(Ok(Bytes::new())),
                Source::Taken => return Poll::Ready(Err(ContentError::Taken)),
            };
            match ready!(Pin::new(body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.has_remaining() => return Poll::Ready(Ok(data)),
                    Ok(_) => {} // an empty piece would look like the end
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                None => {
                    self.source = Source::Ended;
                    self.trailers.get_or_insert_default();
                    return Poll::Ready(Ok(Bytes::new()));
                }
                Some(Err(fault)) => {
                    let fault = client_fault(&fault);
                    self.source = Source::Ended;
                    self.fault = Some(fault);
                    return Poll::Ready(Err(ContentError::Client(fault)));
                }
            }
        }
    }
}

/// A request's content fails because of its client. Any other fault that a server reports means that the content is
/// incomplete.
pub(crate) fn client_fault(fault: &Fault) -> ClientFault {
    match fault {
        Fault::Client(fault) => *fault,
        Fault::Guest(_) | Fault::Host(_) => ClientFault::BodyIncomplete,
    }
}

/// RFC 6455 §7.4.1: the close code of a WebSocket whose guest ended without closing it.
const NORMAL: u16 = 1000;
const INTERNAL_ERROR: u16 = 1011;

/// Pieces are merged up to this size. Beyond it, the copy costs more than the calls that it saves.
const ENOUGH: usize = 16 << 10;

/// The maximum of pieces that are merged, so a client that sends tiny ones does not delay others.
const MAX_PIECES: usize = 1024;

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use http_body::Frame;

    use super::*;

    #[tokio::test]
    async fn small_pieces_that_are_there_are_one() {
        let mut content = content([data("ab"), data(""), data("c"), Poll::Pending, data("d")]);
        assert_eq!(content.read(100).await.expect("nothing failed"), "abc");
        assert_eq!(content.read(100).await.expect("nothing failed"), "d");
        assert_eq!(content.read(100).await.expect("nothing failed"), "");
    }

    #[tokio::test]
    async fn a_piece_is_as_large_as_asked_at_most_and_nothing_is_lost() {
        let mut content = content([data("abc"), data("def"), data("gh")]);
        for expected in ["abcd", "ef", "gh", "", ""] {
            assert_eq!(content.read(4).await.expect("nothing failed"), expected);
        }
    }

    #[tokio::test]
    async fn what_is_large_is_not_copied() {
        let large = Bytes::from(vec![b'x'; ENOUGH]);
        let mut content = content([Poll::Ready(Ok(Frame::data(large.clone()))), data("y")]);
        assert_eq!(content.read(usize::MAX).await.expect("nothing failed").as_ptr(), large.as_ptr());
        assert_eq!(content.read(usize::MAX).await.expect("nothing failed"), "y");
    }

    #[tokio::test]
    async fn an_error_is_told_behind_the_content_before_it() {
        let mut content = content([data("a"), data("b"), Poll::Ready(Err(ClientFault::BodyTooSlow.into()))]);
        assert_eq!(content.read(100).await.expect("there is content before it"), "ab");
        assert!(content.may_have_more() && content.fault().is_none() && content.trailers().is_none());
        for _ in 0..2 {
            assert!(matches!(content.read(100).await, Err(ContentError::Client(ClientFault::BodyTooSlow))));
        }
        assert_eq!(content.fault(), Some(ClientFault::BodyTooSlow));
    }

    #[tokio::test]
    async fn trailers_are_known_when_all_before_them_is_read() {
        let trailers = HeaderMap::from_iter([(http::header::ETAG, "x".parse().expect("a value"))]);
        let mut content = content([data("abc"), data("def"), Poll::Ready(Ok(Frame::trailers(trailers.clone())))]);
        assert_eq!(content.read(4).await.expect("nothing failed"), "abcd");
        assert_eq!(content.trailers(), None);
        while !content.read(4).await.expect("nothing failed").is_empty() {}
        assert_eq!(content.trailers(), Some(&trailers));
    }

    type Polled = Poll<Result<Frame<Bytes>, Fault>>;

    fn data(data: &'static str) -> Polled {
        Poll::Ready(Ok(Frame::data(data.into())))
    }

    fn content(polled: impl IntoIterator<Item = Polled>) -> Content {
        Content::new(Body::stream(Scripted(polled.into_iter().collect())), usize::MAX)
    }

    /// Content of which each poll is known.
    struct Scripted(VecDeque<Polled>);

    impl http_body::Body for Scripted {
        type Data = Bytes;
        type Error = Fault;

        fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
            match self.0.pop_front() {
                Some(Poll::Pending) => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(Poll::Ready(frame)) => Poll::Ready(Some(frame)),
                None => Poll::Ready(None),
            }
        }
    }
}
