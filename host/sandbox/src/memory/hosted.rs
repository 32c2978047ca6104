//! Implements wasmtime's traits for memories and stacks. A file of unsafe code: wasmtime runs machine code on these
//! promises.

#![expect(unsafe_code, reason = "wasmtime cannot check what it is given")]

use std::ops::Range;

use wasmtime::{LinearMemory, MemoryCreator, MemoryType, StackCreator, StackMemory};

use super::mapping::PAGE;
use super::missing;
use super::pool::{Memory, MemoryPool};
use super::stack::{Stack, StackPool};

// SAFETY: a memory is address space of its own, zeros and accessible up to its size, with what is reserved and a guard
// behind it; nobody else touches it before it is dropped, and nobody gets it again before it is zeros again.
unsafe impl MemoryCreator for MemoryPool {
    fn new_memory(
        &self,
        ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let memory = self.memory(&ty, minimum, reserved, guard).map_err(|error| missing(&error))?;
        Ok(Box::new(memory))
    }
}

// SAFETY: it never moves, and is as large as it says.
unsafe impl LinearMemory for Memory {
    fn byte_size(&self) -> usize {
        Memory::size(self)
    }

    fn byte_capacity(&self) -> usize {
        self.capacity()
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        Ok(self.grow(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.base()
    }
}

// SAFETY: a stack is address space of its own, whole pages, with a page below it that nobody can touch.
unsafe impl StackCreator for StackPool {
    fn new_stack(&self, size: usize, _zeroed: bool) -> wasmtime::Result<Box<dyn StackMemory>> {
        let stack = self.stack(size).map_err(|error| wasmtime::Error::msg(missing(&error)))?;
        Ok(Box::new(stack))
    }
}

// SAFETY: as above.
unsafe impl StackMemory for Stack {
    fn top(&self) -> *mut u8 {
        self.base().wrapping_add(PAGE + self.size())
    }

    fn range(&self) -> Range<usize> {
        let begin = self.base().addr() + PAGE;
        begin..begin + self.size()
    }

    fn guard_range(&self) -> Range<*mut u8> {
        self.base()..self.base().wrapping_add(PAGE)
    }
}
