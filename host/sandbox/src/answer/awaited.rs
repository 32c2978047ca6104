//! A request's content. Tells the time limit of the exchange when the guest waits for content.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::time::Instant;
use windhover_contract::{Body, Fault};

use crate::answer::Answer;

/// The same content, which reports its waits to the time limit of this answer.
pub(crate) fn awaited(body: Body, answer: &Arc<Answer>) -> Body {
    if body.is_empty() {
        return body;
    }
    Body::stream(Awaited { body, answer: Arc::clone(answer), received: 0, is_waited_for: false })
}

struct Awaited {
    body: Body,
    answer: Arc<Answer>,
    /// Bytes.
    received: u64,
    is_waited_for: bool,
}

impl Awaited {
    fn end_wait(&mut self) {
        if std::mem::take(&mut self.is_waited_for) {
            self.answer.time.go_on(Instant::now());
        }
    }
}

impl http_body::Body for Awaited {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        match &polled {
            // A poll with a waker that does nothing is not a wait.
            Poll::Pending if cx.waker().will_wake(Waker::noop()) => self.end_wait(),
            Poll::Pending if !self.is_waited_for => {
                self.is_waited_for = true;
                self.answer.time.wait_for_content(self.received, Instant::now());
            }
            Poll::Pending => {}
            Poll::Ready(frame) => {
                self.end_wait();
                if let Some(Ok(frame)) = frame {
                    self.received += frame.data_ref().map_or(0, |data| data.len() as u64);
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.end_wait();
    }
}
