//! The content of a message, in either direction.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::Fault;

/// The content of a message: data frames, then perhaps trailers, then the end; or an error.
///
/// Pull-based: nothing is produced that was not asked for, so what is held in memory is one frame. The two common
/// cases, nothing and one piece, cost no allocation.
pub struct Body(Kind);

enum Kind {
    Empty,
    Full(Bytes),
    Stream(Pin<Box<dyn http_body::Body<Data = Bytes, Error = Fault> + Send>>),
}

impl Body {
    /// No content.
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// All of the content, at hand.
    pub fn full(content: impl Into<Bytes>) -> Self {
        let content = content.into();
        Self(if content.is_empty() { Kind::Empty } else { Kind::Full(content) })
    }

    /// Content that arrives over time.
    pub fn stream(content: impl http_body::Body<Data = Bytes, Error = Fault> + Send + 'static) -> Self {
        if content.is_end_stream() { Self::empty() } else { Self(Kind::Stream(Box::pin(content))) }
    }

    /// Whether there is nothing left to read: `true` means surely none, `false` means there may be.
    pub fn is_empty(&self) -> bool {
        http_body::Body::is_end_stream(self)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Full(content) => {
                let content = std::mem::take(content);
                self.0 = Kind::Empty;
                Poll::Ready(Some(Ok(Frame::data(content))))
            }
            Kind::Stream(content) => content.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Full(_) => false,
            Kind::Stream(content) => content.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Full(content) => SizeHint::with_exact(content.len() as u64),
            Kind::Stream(content) => content.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Empty => f.write_str("Body::empty"),
            Kind::Full(content) => write!(f, "Body::full({} bytes)", content.len()),
            Kind::Stream(_) => f.write_str("Body::stream"),
        }
    }
}
