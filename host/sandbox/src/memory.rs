//! Linear memories and stacks for guests with little data, on Linux only. Instances use them one after the other. In
//! between they are reset completely, at a cost that depends on the pages that were written.
//!
//! wasmtime's own pool either clears pages that were not written too, or leaks data that the kernel has swapped out
//! (`engine/settings.rs`). For guests with much data the pool is better all the same: it maps that data, which is
//! copied for each instance here.

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

/// Why an instance has no memory or no stack. As text, because wasmtime accepts only text from a memory creator.
#[cfg(target_os = "linux")]
fn missing(error: &std::io::Error) -> String {
    format!("{MISSING}: {error}")
}

/// Whether an instance could not begin, or go on, because this machine has no memory or stack for it: not its own fault.
pub(crate) fn is_missing(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.to_string().starts_with(MISSING))
}

const MISSING: &str = "there is no memory for an instance";

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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;

    use wasmtime::{Config, Engine, Instance, Module, Store};

    use super::*;

    #[test]
    fn memory_that_is_missing_is_told_from_what_a_guest_does_wrong() {
        let instance = |memories: usize, wat: &str| {
            let mut config = Config::new();
            config.with_host_memory(Arc::new(MemoryPool::new(memories)));
            let engine = Engine::new(&config).expect("it is a configuration");
            let module = Module::new(&engine, wat).expect("it is a module");
            Instance::new(&mut Store::new(&engine, ()), &module, &[]).expect_err("it cannot begin")
        };
        let traps = "(module (memory 1) (func $start unreachable) (start $start))";
        assert!(is_missing(&instance(0, traps)));
        assert!(!is_missing(&instance(1, traps)));
    }
}
