//! Stacks for the machine code of guests. They are reused without a reset, because guests cannot see a stack.

use std::io;
use std::sync::Arc;

use super::mapping::{Mapping, PAGE};
use super::shards::Shards;

/// Stacks that wait for a guest.
pub(crate) struct StackPool(Arc<Shards<usize, Mapping>>);

/// A stack in use, of `size` bytes above one page that nobody can touch. Dropping it makes it ready for the next guest.
pub(super) struct Stack {
    /// `None` only while it is dropped.
    mapping: Option<Mapping>,
    size: usize,
    idle: Arc<Shards<usize, Mapping>>,
}

impl StackPool {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Shards::new()))
    }

    pub(super) fn stack(&self, size: usize) -> io::Result<Stack> {
        let mapping = match self.0.take(&size) {
            Some(mapping) => mapping,
            None => {
                let mut mapping = Mapping::reserve(PAGE + size)?;
                mapping.open(PAGE..PAGE + size)?;
                mapping
            }
        };
        Ok(Stack { mapping: Some(mapping), size, idle: Arc::clone(&self.0) })
    }
}

impl Stack {
    /// The lowest address, of the page that nobody can touch.
    pub(super) fn base(&self) -> *mut u8 {
        self.mapping.as_ref().expect("it is taken out when the stack is dropped").base()
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        if let Some(mapping) = self.mapping.take() {
            self.idle.put(self.size, mapping);
        }
    }
}
