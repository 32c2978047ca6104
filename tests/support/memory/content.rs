//! A request's content on its way to the application, which takes the reading end along and gives it back.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::sync::oneshot;
use windhover_contract::{ClientFault, Fault};

use super::framing::Framing;
use super::pipe::Reader;

/// Content that is read as it is asked for: what nobody asks for stays with the client.
pub(super) struct Content {
    /// `None`: the content has ended, well or not.
    unread: Option<Unread>,
    /// What may still come. `None`: any amount.
    allowance: Option<u64>,
    first_read: Option<oneshot::Sender<()>>,
    give_back: Option<oneshot::Sender<Unread>>,
}

/// The reading end, and how much of the content it still has in front of it.
pub(super) struct Unread {
    pub(super) reader: Reader,
    pub(super) framing: Framing,
}

/// What the connection learns about content that the application has.
pub(super) struct Handed {
    /// Ends at the first read.
    pub(super) first_read: oneshot::Receiver<()>,
    /// The reading end, when the application is done with it. An error: the content broke, and the connection with it.
    pub(super) unread: oneshot::Receiver<Unread>,
}

impl Content {
    pub(super) fn new(unread: Unread, limit: Option<u64>) -> (Self, Handed) {
        let (first_read, first_read_receiver) = oneshot::channel();
        let (give_back, unread_receiver) = oneshot::channel();
        let content =
            Self { unread: Some(unread), allowance: limit, first_read: Some(first_read), give_back: Some(give_back) };
        (content, Handed { first_read: first_read_receiver, unread: unread_receiver })
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), ClientFault> {
        if let (Some(allowance), Some(data)) = (&mut self.allowance, frame.data_ref()) {
            *allowance = allowance.checked_sub(data.len() as u64).ok_or(ClientFault::BodyTooLarge)?;
        }
        Ok(())
    }

    fn give_back(&mut self) {
        if let (Some(unread), Some(give_back)) = (self.unread.take(), self.give_back.take()) {
            let _ = give_back.send(unread); // the connection may have ended meanwhile
        }
    }
}

impl http_body::Body for Content {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let content = &mut *self;
        let Some(Unread { reader, framing }) = &mut content.unread else { return Poll::Ready(None) };
        if let Some(first_read) = content.first_read.take() {
            let _ = first_read.send(());
        }
        // A read that is dropped loses nothing, so it may begin anew at each poll.
        let read = ready!(pin!(reader.frame(framing)).poll(cx));
        match read.and_then(|frame| frame.map(|frame| content.count(&frame).map(|()| frame)).transpose()) {
            Ok(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Ok(None) => {
                content.give_back();
                Poll::Ready(None)
            }
            Err(fault) => {
                content.unread = None; // nobody can say where the next request would begin
                Poll::Ready(Some(Err(fault.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.unread.as_ref().is_none_or(|unread| unread.framing == Framing::END)
    }

    fn size_hint(&self) -> SizeHint {
        match &self.unread {
            None => SizeHint::with_exact(0),
            Some(unread) => unread.framing.length().map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        self.give_back();
    }
}
