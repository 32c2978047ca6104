//! Collects content for a guest, within the room for content.

use crate::answer::Answer;
use crate::answer::buffers::{Held, NoRoom, SMALL, STEP};

/// Content that is collected, with room for all of it.
pub(crate) struct Collection<'a> {
    bytes: Vec<u8>,
    counted: usize,
    held: Held,
    answer: &'a Answer,
}

impl<'a> Collection<'a> {
    /// An empty collection, which probably grows to `expected` bytes. Unused capacity costs no memory, only address
    /// space.
    pub(crate) fn new(expected: usize, answer: &'a Answer) -> Self {
        let mut bytes = Vec::new();
        let _ = bytes.try_reserve_exact(expected); // else it grows as it must
        Self { bytes, counted: 0, held: Held::default(), answer }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a piece when there is room.
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

    /// The bytes, for a guest that takes them at once.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
