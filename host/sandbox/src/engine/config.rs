//! The configuration of an engine, and what the machine can do for it.

use std::num::NonZeroUsize;
use std::thread;

use crate::answer::buffers::{default_max_buffered, default_max_grown_memory};
use crate::component::MAX_COPIED;

/// The configuration of an [`crate::Engine`].
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Instances at once, of all apps together. One more is answered 503 with Retry-After. The engine reserves address
    /// space for all of them, but no memory. Default: twice the default of one app
    /// ([`crate::SandboxLimits::max_instances`]), so an app that uses all of its own leaves as many to others.
    pub max_instances: u32,
    /// The largest linear memory of any guest, in bytes.
    pub max_memory_size: usize,
    /// The maximum of components in a guest: an app and its middleware, each with a memory of its own.
    pub max_components: u32,
    /// Bytes of content that the host holds for all guests together, outside of their own memory: answers that clients
    /// have not taken yet, requests that are collected for `read-all`, and WebSocket messages in both directions, also
    /// partial ones. Pieces below 16 KiB do not count. A guest that needs more waits. If its answer has not begun, it
    /// is answered 503 with Retry-After after [`crate::SandboxLimits::queue_timeout`]; otherwise it may wait as long as
    /// it has time. Range: 1 KiB and more. One piece is always let through, whatever its size.
    pub max_buffered: usize,
    /// Bytes of linear memory that all guests together may allocate beyond their initial memory. A guest that asks for
    /// more is refused, which most languages turn into a trap, and its request is answered 503 with Retry-After.
    /// Default: half of the memory that the process has beyond 64 MiB; no limit if the system does not report it.
    pub max_grown_memory: usize,
    /// Threads for guests that compute for longer than a few milliseconds. On Linux they have a lower priority, so
    /// nothing else waits for them. Default: one per core. Zero: there are none, and such a guest is interrupted every
    /// two milliseconds for the others on its thread.
    pub background_threads: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            max_instances: 2000, // twice wasmtime's pool and its `serve`
            max_memory_size: 4 << 30,
            max_components: 1,
            max_buffered: default_max_buffered(),
            max_grown_memory: default_max_grown_memory(),
            background_threads: thread::available_parallelism().map_or(1, NonZeroUsize::get),
        }
    }
}

/// What a machine can do for an [`crate::Engine`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The kernel lists pages that hold data (PAGEMAP_SCAN, Linux 6.7), so the pages that an instance with little data
    /// wrote are cleared in place. Otherwise they are returned to the system, which costs each instance several
    /// microseconds and stops the other cores for a moment.
    pub lists_pages: bool,
    /// Why address space for all instances cannot be reserved, so that each instance maps its own, which costs about
    /// ten times as much. `None`: it is reserved.
    pub no_pool: Option<String>,
}

impl Capabilities {
    /// How the memory that an instance wrote is reset, in words.
    pub fn memory_reset(&self) -> String {
        let much = MAX_COPIED >> 10;
        match self.lists_pages {
            true => format!(
                "pages that were written are cleared in place (PAGEMAP_SCAN); apps with more than {much} KiB of data: all \
                 memory is returned to the system"
            ),
            false => "all memory is returned to the system, because it has no list of the pages that were written \
                      (PAGEMAP_SCAN, Linux 6.7)"
                .into(),
        }
    }
}

/// Why an engine cannot start. Not to be expected on a machine that wasmtime supports.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly engine on this machine: {0:#}")]
pub struct EngineError(pub(crate) wasmtime::Error);

/// The maximum of parts of one instance, so that there is room for as many instances as the engine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// A component has several core modules: adapters and shared libraries, of which Python packages have dozens.
    pub(crate) core_instances: u32,
    /// Compilers make one. Each takes 4 GiB of address space, of which there are 128 TiB.
    pub(crate) memories: u32,
    /// Compilers make one or two. Each takes 2 MiB of address space, which a system without overcommit counts.
    pub(crate) tables: u32,
}

impl Capacity {
    pub(crate) fn of(config: &EngineConfig) -> Self {
        let each = |number: u32| number.saturating_mul(config.max_components);
        Self { core_instances: each(256), memories: each(2), tables: each(4) }
    }
}
