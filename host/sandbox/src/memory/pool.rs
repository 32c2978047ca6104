//! Memories that the next instances reuse.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::warn;
use wasmtime::MemoryType;

use super::mapping::{Mapping, PageList, whole_pages};
use super::shards::Shards;

/// Gives each instance a memory that holds nothing, and takes it back.
pub(crate) struct MemoryPool(Arc<Idle>);

struct Idle {
    pages: PageList,
    slots: Shards<Shape, Slot>,
    /// Bytes that those in `slots` hold.
    resident: AtomicUsize,
    /// Memories there are, in use or idle.
    count: AtomicUsize,
    max: usize,
}

/// What a guest's machine code expects of its memory. One that was used in the same shape is ready as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Shape {
    /// What is accessible at first, in whole pages.
    open: usize,
    /// What it can grow to.
    capacity: usize,
    /// Behind that, and before the beginning: the machine code checks no address that is off by less.
    guard: usize,
}

/// One memory, clean, and accessible as its shape says.
struct Slot {
    mapping: Mapping,
    shape: Shape,
    resident: usize,
}

impl MemoryPool {
    /// A pool of at most `max` memories.
    pub(crate) fn new(max: usize) -> Self {
        Self::with(max, PageList::open())
    }

    fn with(max: usize, pages: PageList) -> Self {
        let (slots, resident, count) = (Shards::new(), AtomicUsize::new(0), AtomicUsize::new(0));
        Self(Arc::new(Idle { pages, slots, resident, count, max }))
    }

    fn take(&self, shape: Shape) -> io::Result<Slot> {
        let Self(idle) = self;
        if let Some(slot) = idle.slots.take(&shape) {
            idle.resident.fetch_sub(slot.resident, Ordering::Relaxed);
            return Ok(slot);
        }
        let one_more = |count| (count < idle.max).then_some(count + 1);
        if idle.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            // In place of one that has another shape.
            let other = idle.slots.take_any().ok_or_else(|| io::Error::other("all memories are in use"))?;
            idle.resident.fetch_sub(other.resident, Ordering::Relaxed);
        }
        Slot::new(shape).inspect_err(|_| idle.forget())
    }
}

impl Idle {
    /// Resets a memory and keeps it for the next instance. `open` is what is accessible.
    fn give_back(&self, mut slot: Slot, open: usize) {
        if let Err(error) = self.reset(&mut slot, open) {
            warn!(%error, "cannot reset a memory, so it is not reused");
            return self.forget();
        }
        self.resident.fetch_add(slot.resident, Ordering::Relaxed);
        self.slots.put(slot.shape, slot);
    }

    fn reset(&self, slot: &mut Slot, open: usize) -> io::Result<()> {
        let Slot { mapping, shape, resident } = slot;
        let is_full = self.resident.load(Ordering::Relaxed) > MAX_RESIDENT;
        *resident = mapping.clear(shape.of(0..open), if is_full { 0 } else { MAX_RESIDENT_EACH }, &self.pages)?;
        if open > shape.open {
            mapping.close(shape.of(shape.open..open))?;
        }
        Ok(())
    }

    /// One memory less.
    fn forget(&self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Shape {
    /// Where a part of the memory is in its mapping.
    fn of(&self, part: Range<usize>) -> Range<usize> {
        self.guard + part.start..self.guard + part.end
    }
}

impl Slot {
    fn new(shape: Shape) -> io::Result<Self> {
        let too_large = || io::Error::other("no address space is as large");
        let size = shape.capacity.checked_add(2 * shape.guard).ok_or_else(too_large)?;
        let mut mapping = Mapping::reserve(size)?;
        mapping.open(shape.of(0..shape.open))?;
        Ok(Self { mapping, shape, resident: 0 })
    }
}

/// A memory in use. Dropping it makes it ready for the next instance.
pub(super) struct Memory {
    /// `None` only while it is dropped.
    slot: Option<Slot>,
    size: usize,
    /// What is accessible: `size` in whole pages.
    open: usize,
    idle: Arc<Idle>,
}

impl MemoryPool {
    /// A memory of `minimum` bytes, all zeros, that can grow to `reserved`.
    pub(super) fn memory(
        &self,
        ty: &MemoryType,
        minimum: usize,
        reserved: Option<usize>,
        guard: usize,
    ) -> io::Result<Memory> {
        if ty.is_shared() {
            return Err(io::Error::other("memory that threads share is not offered"));
        }
        let open = whole_pages(minimum);
        let capacity = reserved.unwrap_or(0).max(open);
        let slot = self.take(Shape { open, capacity, guard })?;
        Ok(Memory { slot: Some(slot), size: minimum, open, idle: Arc::clone(&self.0) })
    }
}

impl Memory {
    /// Its first byte.
    pub(super) fn base(&self) -> *mut u8 {
        let Slot { mapping, shape, .. } = self.slot();
        mapping.base().wrapping_add(shape.guard)
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// What it can grow to.
    pub(super) fn capacity(&self) -> usize {
        self.slot().shape.capacity
    }

    fn slot(&self) -> &Slot {
        self.slot.as_ref().expect("it is taken out when the memory is dropped")
    }

    /// Makes it larger, by zeros.
    pub(super) fn grow(&mut self, size: usize) -> io::Result<()> {
        let slot = self.slot.as_mut().expect("it is taken out when the memory is dropped");
        let open = whole_pages(size);
        if open > slot.shape.capacity {
            return Err(io::Error::other("a memory cannot grow beyond the address space that is reserved for it"));
        }
        if open > self.open {
            slot.mapping.open(slot.shape.of(self.open..open))?;
            self.open = open;
        }
        self.size = size;
        Ok(())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.idle.give_back(slot, self.open);
        }
    }
}

#[cfg(test)]
impl Memory {
    /// All of it, as a guest sees it.
    fn bytes_mut(&mut self) -> &mut [u8] {
        let slot = self.slot.as_mut().expect("it is taken out when the memory is dropped");
        slot.mapping.bytes_mut(slot.shape.of(0..self.open))
    }
}

/// Of one memory, so much is cleared in place, and stays. More than that is cheaper to give back.
const MAX_RESIDENT_EACH: usize = 2 << 20;

/// And of all idle ones together about so much.
const MAX_RESIDENT: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use wasmtime::MemoryTypeBuilder;

    use super::*;
    use crate::memory::mapping::PAGE;

    const WASM_PAGE: usize = 64 << 10;
    const GIGABYTE: usize = 1 << 30;

    fn memory(pool: &MemoryPool, pages: usize) -> io::Result<Memory> {
        let ty = MemoryTypeBuilder::default().min(pages as u64).build().expect("it is a type of memory");
        pool.memory(&ty, pages * WASM_PAGE, Some(GIGABYTE), WASM_PAGE)
    }

    #[test]
    fn a_memory_that_comes_again_holds_nothing_and_is_as_large_as_at_first() {
        for pages in [PageList::open(), PageList::none()] {
            let pool = MemoryPool::with(8, pages);
            let mut first = memory(&pool, 2).expect("there is address space");
            let base = first.base();
            first.grow(100 * WASM_PAGE).expect("it is reserved");
            // Few pages; many regions, more than one look tells; and more than is cleared in place.
            for step in [37, 2, 1] {
                for page in (0..first.open / PAGE).step_by(step) {
                    first.bytes_mut()[page * PAGE + page % PAGE] = 1;
                }
                drop(first);
                first = memory(&pool, 2).expect("it came back");
                assert_eq!((first.base(), first.size(), first.open), (base, 2 * WASM_PAGE, 2 * WASM_PAGE));
                first.grow(100 * WASM_PAGE).expect("it is reserved");
                assert!(first.bytes_mut().iter().all(|byte| *byte == 0), "after each {step}th page");
            }
            assert!(first.grow(GIGABYTE + 1).is_err());
            assert_eq!(first.size(), 100 * WASM_PAGE);
        }
    }

    #[test]
    fn there_are_so_many_and_idle_ones_make_room_for_those_of_another_shape() {
        let pool = MemoryPool::new(2);
        let held = [memory(&pool, 1).expect("one"), memory(&pool, 1).expect("two")];
        assert!(memory(&pool, 1).is_err() && memory(&pool, 3).is_err());
        drop(held);
        let held = [memory(&pool, 3).expect("in place of one"), memory(&pool, 3).expect("in place of the other")];
        assert!(memory(&pool, 1).is_err());
        drop(held);
        assert!(memory(&pool, 1).is_ok());
    }

    #[test]
    fn what_idle_memories_keep_is_counted() {
        let pool = MemoryPool::with(4, PageList::open());
        if !pool.0.pages.exists() {
            return; // then nothing is kept
        }
        let resident = || pool.0.resident.load(Ordering::Relaxed);
        let mut first = memory(&pool, 40).expect("there is address space");
        first.bytes_mut()[..3 * PAGE].fill(1);
        drop(first);
        assert_eq!(resident(), 3 * PAGE);
        let mut again = memory(&pool, 40).expect("it came back");
        assert_eq!(resident(), 0);
        again.bytes_mut().fill(1); // more than one may keep
        drop(again);
        assert_eq!(resident(), MAX_RESIDENT_EACH);
    }
}
