//! Collects content for a guest, within the room for content.

use crate::answer::Answer;
use crate::answer::buffers::{Held, NoRoom, SMALL, STEP};

/// Content that is collected, and has room for as much as there is of it.
pub(crate) struct Collection<'a> {
    bytes: Vec<u8>,
    counted: usize,
    held: Held,
    answer: &'a Answer,
}

impl<'a> Collection<'a> {
    /// An empty one that is likely to grow to `expected` bytes. What of it stays unused costs no memory, only
    /// addresses.
    pub(crate) fn new(expected: usize, answer: &'a Answer) -> Self {
        let mut bytes = Vec::new();
        let _ = bytes.try_reserve_exact(expected); // else it grows as it must
        Self { bytes, counted: 0, held: Held::default(), answer }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece, once there is room.
    pub(crate) async fn add(&mut self, piece: &[u8]) -> Result<(), NoRoom> {
        let size = self.bytes.len() + piece.len();
        if size >= SMALL && size > self.counted {
            let more = (size - self.counted).max(STEP);
            self.answer.room.grow(&mut self.held, more, self.answer).await?;
            self.counted += more;
        }
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Gives the bytes to a guest that takes them at once.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
