//! The pipe after an upgrade: what the client sends, as the application reads it.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Version, header};
use http_body::Frame;
use tokio::sync::oneshot;
use windhover_contract::{Body, Fault, Upgrade, UpgradeKind};

use super::framing::Framing;
use super::head::Head;
use super::pipe::Reader;

/// The server's end of an upgrade that the client asks for.
pub(super) struct Asking(oneshot::Sender<Reader>);

/// The upgrade that a request without content asks for.
pub(super) fn asking(head: &Head) -> Option<(Asking, Upgrade)> {
    let lines: Vec<&[u8]> = head.fields.get_all(header::UPGRADE).iter().map(HeaderValue::as_bytes).collect();
    let options = head.fields.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    let is_option =
        options.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case("upgrade"));
    if lines.is_empty() || !is_option || head.version != Version::HTTP_11 || head.framing != Framing::END {
        return None;
    }
    let protocols = HeaderValue::from_bytes(&lines.join(&b", "[..])).ok()?;
    let (reader, waiting) = oneshot::channel();
    let content = Body::stream(Content { waiting: Some(waiting), reader: None });
    Some((Asking(reader), Upgrade { kind: UpgradeKind::Connection, protocols, content }))
}

impl Asking {
    /// The application has accepted.
    pub(super) fn accept(self, reader: Reader) {
        let _ = self.0.send(reader); // it may not want to read
    }
}

struct Content {
    waiting: Option<oneshot::Receiver<Reader>>,
    reader: Option<Reader>,
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(waiting) = &mut self.waiting {
            self.reader = ready!(Pin::new(waiting).poll(cx)).ok();
            self.waiting = None;
        }
        let Some(reader) = &mut self.reader else { return Poll::Ready(None) };
        // A read that is dropped loses nothing.
        let bytes = ready!(pin!(reader.some()).poll(cx));
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}
