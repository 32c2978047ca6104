//! The configuration of an engine, and what the machine can do for it.

use std::num::NonZeroUsize;
use std::thread;

use crate::answer::buffers::{default_max_buffered, default_max_grown_memory};
use crate::component::MAX_COPIED;

/// What an [`crate::Engine`] is made for.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Instances at once, of all deployments together. One more is answered 503 with Retry-After. Address space is
    /// reserved for all of them, memory is not. Default: twice as many as one deployment has by default
    /// ([`crate::SandboxLimits::max_instances`]), so that one that has all of its own leaves as many to others.
    pub max_instances: u32,
    /// The largest linear memory of any guest, in bytes.
    pub max_memory_size: usize,
    /// Components that a guest is made of at most: an app and its middleware, each with a memory of its own.
    pub max_components: u32,
    /// Bytes of content that the host holds for all guests together, beyond the guests' own memory: answers that
    /// clients have not taken yet, requests that are collected for `read-all`, messages of WebSockets in both directions,
    /// also as long as they have come in part. Pieces below 16 KiB are not counted. A
    /// guest that has more waits: until it is answered 503 with Retry-After after [`crate::SandboxLimits::queue_timeout`],
    /// and as long as it has time where its answer has begun. Range: 1 KiB and more; one piece is let through whatever
    /// its size.
    pub max_buffered: usize,
    /// Bytes of linear memory that all guests together may take beyond what each begins with. A guest that asks for more
    /// is refused, which most languages turn into a trap, and its request is answered 503 with Retry-After. Default: half
    /// of the memory that there is beyond 64 MiB; where the system does not say, any number.
    pub max_grown_memory: usize,
    /// Threads for guests that compute for longer than a few milliseconds. They have a lower priority than others, on
    /// Linux, so that nothing waits for them. Default: one a core. Zero: none, and such a guest is interrupted every two
    /// milliseconds for the others on its thread.
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

/// What a machine has for an [`crate::Engine`], and so how it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The kernel lists the pages that hold something (PAGEMAP_SCAN, Linux 6.7), so that what an instance with little data
    /// wrote is reset in place when it has ended. Else it is returned to the system, which costs each instance several
    /// microseconds and stops the other cores for a moment each time.
    pub lists_pages: bool,
    /// Why there is no address space for all instances, so that each maps its own, which costs about ten times as much.
    /// `None`: it is reserved.
    pub no_pool: Option<String>,
}

impl Capabilities {
    /// How memory that instances wrote is reset, in words.
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

/// Why there is no engine. Not to be expected on a machine that wasmtime supports.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the WebAssembly engine on this machine: {0:#}")]
pub struct EngineError(pub(crate) wasmtime::Error);

/// What one instance of a guest may be made of, so that there is enough for as many instances as the engine has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    /// A component is made of several core modules: adapters, shared libraries, of which Python's packages have dozens.
    pub(crate) core_instances: u32,
    /// Of which compilers make one. Each takes 4 GiB of address space, of which there are 128 TiB.
    pub(crate) memories: u32,
    /// Of which compilers make one or two. Each takes 2 MiB of address space that a system without overcommitting counts.
    pub(crate) tables: u32,
}

impl Capacity {
    pub(crate) fn of(config: &EngineConfig) -> Self {
        let each = |number: u32| number.saturating_mul(config.max_components);
        Self { core_instances: each(256), memories: each(2), tables: each(4) }
    }
}
