//! Content that a guest has written and that is not sent yet. A guest may run a little ahead of its client, so that the
//! two do not wait for each other at each piece.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use windhover_contract::Body;

use crate::answer::buffers::{Held, counted};

/// Pieces in the order in which they were written.
#[derive(Default)]
pub(crate) struct Pieces {
    queue: VecDeque<Bytes>,
    size: usize,
}

impl Pieces {
    /// Whether another piece of any size may be written now.
    pub(crate) fn have_room(&self) -> bool {
        self.size < READ_AHEAD && self.queue.len() < MAX_PIECES
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The bytes of all pieces.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn push(&mut self, piece: Bytes) {
        self.size += piece.len();
        self.queue.push_back(piece);
    }

    pub(crate) fn pop(&mut self) -> Option<Bytes> {
        let piece = self.queue.pop_front()?;
        self.size -= piece.len();
        Some(piece)
    }

    /// All pieces as content of a known length, which holds this room.
    pub(crate) fn into_body(mut self, held: Option<Held>) -> Body {
        if self.queue.len() <= 1 {
            return Body::full(counted(self.pop().unwrap_or_default(), held));
        }
        if self.size <= WORTH_A_COPY {
            let mut all = Vec::with_capacity(self.size);
            self.queue.iter().for_each(|piece| all.extend_from_slice(piece));
            return Body::full(all);
        }
        Body::stream(Whole { pieces: self, _held: held }.map_err(|never| match never {}))
    }
}

/// Content that is complete.
struct Whole {
    pieces: Pieces,
    _held: Option<Held>,
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.size as u64)
    }
}

/// The bytes that a guest may be ahead of its client: twice the largest piece that it probably writes, so that it makes
/// the next one while one is sent.
pub(crate) const READ_AHEAD: usize = 128 << 10;

/// The maximum of pieces. It bounds the overhead of a guest that writes byte by byte.
const MAX_PIECES: usize = 64;

/// Pieces are merged up to this size. Beyond it, the copy costs more than sending them one by one.
const WORTH_A_COPY: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_until_enough_is_written_or_many_pieces_are() {
        let written = |size: usize| {
            let mut pieces = Pieces::default();
            let count = std::iter::from_fn(|| pieces.have_room().then(|| pieces.push(Bytes::from(vec![0; size]))));
            count.count()
        };
        assert_eq!(written(READ_AHEAD + 1), 1);
        assert_eq!(written(READ_AHEAD / 4), 4);
        assert_eq!(written(READ_AHEAD / 4 - 1), 5);
        assert_eq!(written(1), MAX_PIECES);
    }

    #[test]
    fn what_is_taken_makes_room_and_comes_in_order() {
        let mut pieces = Pieces::default();
        for piece in ["a", "bc", "def"] {
            pieces.push(piece.into());
        }
        assert_eq!(pieces.pop().as_deref(), Some(b"a".as_slice()));
        assert_eq!(pieces.size(), 5);
        assert_eq!(pieces.pop().as_deref(), Some(b"bc".as_slice()));
        assert_eq!(pieces.pop().as_deref(), Some(b"def".as_slice()));
        assert!(pieces.pop().is_none() && pieces.is_empty() && pieces.size() == 0);
    }

    #[tokio::test]
    async fn content_that_is_whole_has_its_length_in_however_many_pieces_it_is() {
        for sizes in [&[][..], &[5], &[3, 4], &[WORTH_A_COPY, 1], &[10_000, 20_000, 30_000]] {
            let mut pieces = Pieces::default();
            let mut all = Vec::new();
            for (byte, size) in (b'a'..).zip(sizes) {
                let piece = vec![byte; *size];
                all.extend_from_slice(&piece);
                pieces.push(piece.into());
            }
            let body = pieces.into_body(None);
            assert_eq!(http_body::Body::size_hint(&body).exact(), Some(all.len() as u64), "for {sizes:?}");
            assert_eq!(body.is_empty(), all.is_empty(), "for {sizes:?}");
            let collected = body.collect().await.expect("it does not fail").to_bytes();
            assert!(collected == all, "for {sizes:?}");
        }
    }
}
