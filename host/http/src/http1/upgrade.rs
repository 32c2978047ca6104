//! The connection after an upgrade: the body of the 101 is what the application sends, and the content of the
//! [`Upgrade`] is what the client sends. Bytes are read only when the application asks for them, and taken from the
//! application only when the client takes them.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Version};
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf, ReadHalf};
use tokio::sync::oneshot;
use windhover_contract::{Body, ClientFault, Fault, Upgrade, UpgradeKind};

use super::response_body::ResponseBody;

/// The server's end of an upgrade that a client asks for, until the application has answered. hyper reports one also
/// where the application gets none, for example because of content.
pub(crate) struct Asked {
    on_upgrade: OnUpgrade,
    reader: oneshot::Sender<Reader>,
}

/// What becomes of the connection when hyper releases it. It does that at the end of every connection on which an
/// upgrade was asked for, even if none was accepted. Then the connection must be closed here.
pub(crate) enum HandedOver {
    /// The application has accepted, and sends this.
    Accepted(Asked, ResponseBody),
    Declined(Asked),
}

type Reader = ReadHalf<TokioIo<Upgraded>>;

/// The upgrade that a request asks for, as hyper sees it and as the application sees it.
pub(crate) fn asked(request: &mut http::Request<Incoming>) -> Option<(Asked, Option<Upgrade>)> {
    request.extensions().get::<OnUpgrade>()?;
    let (reader, waiting) = oneshot::channel();
    let upgrade = upgrade(request, waiting);
    Some((Asked { on_upgrade: hyper::upgrade::on(request), reader }, upgrade))
}

/// As in Kestrel, a request with content gets no upgrade: its content would have to be read before the protocol
/// changes, and it is not known by whom.
fn upgrade(request: &http::Request<Incoming>, reader: oneshot::Receiver<Reader>) -> Option<Upgrade> {
    let fields = request.headers();
    let protocols = fields.get(UPGRADE)?;
    let has_content = !request.body().is_end_stream()
        || fields.contains_key(TRANSFER_ENCODING)
        || fields.get(CONTENT_LENGTH).is_some_and(|length| length != "0");
    if request.version() != Version::HTTP_11 || has_content || !is_for_this_connection(fields) {
        return None;
    }
    let protocols = join(protocols, request);
    let content = Body::stream(Content { waiting: Some(reader), reader: None });
    Some(Upgrade { kind: UpgradeKind::Connection, protocols, content })
}

/// RFC 9110 §7.8: `upgrade` must be an option of the connection too. Else an intermediary has passed the field on
/// without understanding it, and would take what follows for the next requests.
fn is_for_this_connection(fields: &HeaderMap) -> bool {
    let lines = fields.get_all(CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"))
}

/// A list may come in several field lines (RFC 9110 §5.3).
fn join(first: &HeaderValue, request: &http::Request<Incoming>) -> HeaderValue {
    let lines: Vec<&[u8]> = request.headers().get_all(UPGRADE).iter().map(HeaderValue::as_bytes).collect();
    if lines.len() == 1 {
        return first.clone();
    }
    HeaderValue::from_bytes(&lines.join(&b", "[..])).unwrap_or_else(|_| first.clone())
}

impl HandedOver {
    /// Serves the connection until the application has sent all, and closes it. An error: the client or the application
    /// has broken it off.
    pub(crate) async fn serve(self) -> io::Result<()> {
        let (asked, content) = match self {
            Self::Accepted(asked, content) => (asked, content),
            Self::Declined(asked) => return close(asked.on_upgrade).await,
        };
        let upgraded = asked.on_upgrade.await.map_err(io::Error::other)?;
        let (reader, mut writer) = tokio::io::split(TokioIo::new(upgraded));
        let _ = asked.reader.send(reader); // the application may not want to read
        let mut content = pin!(content);
        while let Some(frame) = std::future::poll_fn(|cx| content.as_mut().poll_frame(cx)).await {
            let frame = frame.map_err(io::Error::other)?;
            if let Ok(mut data) = frame.into_data() {
                writer.write_all_buf(&mut data).await?;
                writer.flush().await?;
            }
        }
        writer.shutdown().await
    }
}

/// Closes a connection that hyper has released.
async fn close(mut on_upgrade: OnUpgrade) -> io::Result<()> {
    // Polled once: it is ready by now, or never.
    match std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut on_upgrade).poll(cx))).await {
        Poll::Ready(Ok(connection)) => TokioIo::new(connection).shutdown().await,
        Poll::Ready(Err(_)) | Poll::Pending => Ok(()),
    }
}

/// What the client sends in the new protocol.
struct Content {
    /// `None`: the reader is here, or never comes.
    waiting: Option<oneshot::Receiver<Reader>>,
    reader: Option<Reader>,
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let content = &mut *self;
        if let Some(waiting) = &mut content.waiting {
            content.reader = ready!(Pin::new(waiting).poll(cx)).ok(); // an error: it was not accepted after all
            content.waiting = None;
        }
        let Some(reader) = &mut content.reader else { return Poll::Ready(None) };
        // On the stack, because most upgraded connections wait most of the time and should hold no buffer meanwhile.
        let mut buffer = [MaybeUninit::uninit(); READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        let read = ready!(Pin::new(reader).poll_read(cx, &mut buffer));
        let bytes = Bytes::copy_from_slice(buffer.filled());
        match read {
            Ok(()) if !bytes.is_empty() => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            end => {
                content.reader = None;
                Poll::Ready(end.err().map(|_| Err(ClientFault::BodyIncomplete.into())))
            }
        }
    }
}

/// How much is read at once.
const READ_SIZE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::progress::Progress;
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn an_upgrade_that_never_began_ends_with_what_holds_it() {
        let progress = Arc::new(Progress::new(Clock::default(), Arc::default()));
        let content = ResponseBody::new(Body::empty(), progress.begin());
        let asked = Asked { on_upgrade: hyper::upgrade::on(http::Request::new(())), reader: oneshot::channel().0 };
        let handed_over = HandedOver::Accepted(asked, content);
        assert!(progress.position().is_under_way());
        drop(handed_over);
        assert!(!progress.position().is_under_way());
        assert_eq!(Arc::strong_count(&progress), 1, "nothing holds on to the connection");
    }
}
