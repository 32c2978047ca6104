//! Whether a connection is at work, which decides whether draining waits for it: a client that has sent half a head, or
//! nothing, must not hold up a server that wants to leave.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use windhover_contract::{Body, Fault};

/// What is going on on one connection.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    exchanges: AtomicUsize,
    write_waits: AtomicBool,
    has_unread_content: AtomicBool,
    is_cut_off: AtomicBool,
}

impl Activity {
    /// Whether an exchange is under way, or octets of one wait to be taken by the client.
    pub(crate) fn is_busy(&self) -> bool {
        self.exchanges.load(Ordering::Relaxed) > 0 || self.write_waits.load(Ordering::Relaxed)
    }

    /// Says whether octets wait to be taken.
    pub(crate) fn set_write_waits(&self, waits: bool) {
        self.write_waits.store(waits, Ordering::Relaxed);
    }

    /// Whether a client may still be sending content that nobody reads.
    pub(crate) fn has_unread_content(&self) -> bool {
        self.has_unread_content.load(Ordering::Relaxed)
    }

    /// Says that content was given up before its end.
    pub(crate) fn leave_content_unread(&self) {
        self.has_unread_content.store(true, Ordering::Relaxed);
    }

    /// Whether an answer ended before its content did.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.is_cut_off.load(Ordering::Relaxed)
    }

    /// Begins an exchange, which lasts until what this returns is dropped.
    pub(crate) fn begin(self: &Arc<Self>) -> Busy {
        self.exchanges.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }
}

/// One exchange under way.
pub(crate) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.exchanges.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A response's content, with which its exchange ends.
pub(crate) struct LastPart {
    pub(crate) content: Body,
    pub(crate) busy: Busy,
}

impl http_body::Body for LastPart {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let next = Pin::new(&mut self.content).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = next {
            self.busy.0.is_cut_off.store(true, Ordering::Relaxed);
        }
        next
    }

    fn is_end_stream(&self) -> bool {
        self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}
