//! Linear memories, and stacks, of guests with little data: each is used by one instance after the other, and in between
//! is reset completely, at the price of the pages that were written. On Linux alone.
//!
//! wasmtime's own pool either clears what was not written too, or leaks what the kernel has swapped out (`engine.rs`).
//! For guests with much data it is better all the same: it maps that data, where here it is copied for each instance.

#[cfg(target_os = "linux")]
mod hosted;
#[cfg(target_os = "linux")]
mod mapping;
#[cfg(target_os = "linux")]
mod pool;
#[cfg(target_os = "linux")]
mod shards;
#[cfg(target_os = "linux")]
mod stack;

#[cfg(target_os = "linux")]
pub(crate) use pool::MemoryPool;
#[cfg(target_os = "linux")]
pub(crate) use stack::StackPool;

/// Whether the kernel lists the pages that were written, as it should.
#[cfg(target_os = "linux")]
pub(crate) fn lists_pages() -> bool {
    mapping::PageList::open().exists()
}

/// Whether the kernel lists the pages that were written: not one that this knows.
#[cfg(not(target_os = "linux"))]
pub(crate) fn lists_pages() -> bool {
    false
}
