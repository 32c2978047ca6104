//! Enforces the limits of memory: that of one instance, and that of all guests together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::ResourceLimiter;

/// The memory that all guests of an engine use beyond their initial memory: in their linear memories, and in resources
/// that the host holds for them. Nearly all of it is touched, while most initial memory never is.
pub(crate) struct GrownMemory {
    max: usize,
    taken: AtomicUsize,
}

impl GrownMemory {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, taken: AtomicUsize::new(0) }
    }

    /// The limit, for the log.
    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn take(&self, more: usize) -> bool {
        let take = |taken: usize| taken.checked_add(more).filter(|taken| *taken <= self.max);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    pub(crate) fn give_back(&self, size: usize) {
        self.taken.fetch_sub(size, Ordering::Relaxed);
    }
}

/// Limits the memory of one instance.
pub(crate) struct MemoryLimiter {
    available: usize,
    grown: usize,
    all: Arc<GrownMemory>,
    /// The last refusal of memory, which is the likely reason for a trap that follows.
    pub(crate) refused: Option<Refused>,
}

/// Why a guest did not get memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The instance has reached its limit.
    Own,
    /// All guests together have reached their limit.
    All,
}

impl MemoryLimiter {
    pub(crate) fn new(max_memory: usize, all: Arc<GrownMemory>) -> Self {
        Self { available: max_memory, grown: 0, all, refused: None }
    }

    fn take(&mut self, more: usize, is_first: bool) -> Result<(), Refused> {
        if more > self.available {
            return Err(Refused::Own);
        }
        if !is_first {
            if !self.all.take(more) {
                return Err(Refused::All);
            }
            self.grown += more;
        }
        self.available -= more;
        Ok(())
    }
}

impl Drop for MemoryLimiter {
    fn drop(&mut self) {
        self.all.give_back(self.grown);
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            self.refused = Some(Refused::Own);
            return Ok(false);
        }
        let taken = self.take(desired.saturating_sub(current), current == 0);
        self.refused = taken.err().or(self.refused);
        Ok(taken.is_ok())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS || maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let more = desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT_SIZE);
        let taken = self.take(more, current == 0);
        self.refused = taken.err().or(self.refused);
        Ok(taken.is_ok())
    }
}

/// The size of the pool's tables; growing beyond it would fail there, with a less clear error. Programs have one
/// element for each function that is called by pointer, and programs in Go for each function: CPython has 10,000, large
/// Go programs have more than 100,000.
pub(crate) const MAX_TABLE_ELEMENTS: usize = 1 << 18;

/// The size of an element in an instance's memory.
pub(crate) const TABLE_ELEMENT_SIZE: usize = size_of::<usize>();
