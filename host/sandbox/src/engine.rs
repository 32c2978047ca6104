//! One engine a process: how guests are compiled, where their memory comes from, and the clock that interrupts them.
//! Inside it are up to four of wasmtime's, each made when the first guest needs it: with concurrency and without, because
//! one that can do several things at once in an instance is slower for the guests that do not; and with memories of our
//! own or of wasmtime's pool, because what resets them fastest depends on how much data a guest begins with.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::runtime::Handle;
use tracing::{info, warn};
use wasmtime::component::Linker;
use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::answer::buffers::{Buffers, default_max_buffered, default_max_grown_memory};
use crate::component::{EngineKind, MAX_COPIED};
use crate::limits::{GrownMemory, MAX_TABLE_ELEMENTS};
use crate::memory;
use crate::scheduling::background::Background;
use crate::scheduling::clock::Clock;
use crate::scheduling::instance_limit::InstanceLimit;
use crate::store::state::State;
use crate::{features, wasi};

/// What an [`Engine`] is made for.
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

/// Compiles guests and holds the pool that their instances come from. Cheap to clone; one is enough for a process.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// What a machine has for an [`Engine`], and so how it runs.
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

struct Inner {
    config: EngineConfig,
    capabilities: Capabilities,
    buffers: Arc<Buffers>,
    grown_memory: Arc<GrownMemory>,
    background: Background,
    instances: Arc<InstanceLimit>,
    /// By their kinds.
    runtimes: [OnceLock<Runtime>; 4],
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

/// One of wasmtime's engines, with everything linked that a guest of it may import.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) clock: Arc<Clock>,
}

/// Why there is no engine. Not to be expected on a machine that wasmtime supports.
#[derive(Debug, thiserror::Error)]
#[error("the WebAssembly engine does not start on this machine: {0:#}")]
pub struct EngineError(pub(crate) wasmtime::Error);

impl Engine {
    /// Starts an engine, and with it the clock of all of its guests.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let first = EngineKind::default();
        let (runtime, no_pool) = Runtime::new(config, first)?;
        let runtimes: [OnceLock<Runtime>; 4] = Default::default();
        let _ = runtimes[index(first)].set(runtime); // nothing was there
        let capabilities = Capabilities { lists_pages: memory::lists_pages(), no_pool };
        let instances = config.max_instances;
        if capabilities.no_pool.is_none() {
            info!(
                "address space for {instances} instances is reserved; windhover doctor tells more about this machine"
            );
        }
        info!("memory of ended instances: {}", capabilities.memory_reset());
        let buffers = Arc::new(Buffers::new(config.max_buffered));
        let grown_memory = Arc::new(GrownMemory::new(config.max_grown_memory));
        let background = Background::new(config.background_threads);
        let instances = Arc::new(InstanceLimit::new(config.max_instances as usize));
        let config = config.clone();
        Ok(Self(Arc::new(Inner { config, capabilities, buffers, grown_memory, background, instances, runtimes })))
    }

    /// How it runs on this machine.
    pub fn capabilities(&self) -> &Capabilities {
        &self.0.capabilities
    }

    pub(crate) fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Of all deployments together.
    pub(crate) fn instances(&self) -> &Arc<InstanceLimit> {
        &self.0.instances
    }

    /// What content may take up in the host.
    pub(crate) fn buffers(&self) -> &Arc<Buffers> {
        &self.0.buffers
    }

    /// What all guests have taken beyond what they began with.
    pub(crate) fn grown_memory(&self) -> &Arc<GrownMemory> {
        &self.0.grown_memory
    }

    /// Where guests compute; `None`: wherever they are.
    pub(crate) fn background(&self) -> Option<&Handle> {
        self.0.background.handle()
    }

    /// What runs guests of a kind.
    pub(crate) fn runtime(&self, kind: EngineKind) -> Result<&Runtime, EngineError> {
        let runtime = &self.0.runtimes[index(kind)];
        if let Some(runtime) = runtime.get() {
            return Ok(runtime);
        }
        let (made, _) = Runtime::new(&self.0.config, kind)?;
        Ok(runtime.get_or_init(|| made))
    }
}

fn index(kind: EngineKind) -> usize {
    usize::from(kind.has_concurrency) * 2 + usize::from(kind.copies_data)
}

impl Runtime {
    /// And why it has no pool, if it has none.
    fn new(config: &EngineConfig, kind: EngineKind) -> Result<(Self, Option<String>), EngineError> {
        let mut no_pool = None;
        let engine = match wasmtime::Engine::new(&with_memory(config, kind)) {
            Ok(engine) => engine,
            // A container or `ulimit -v` may forbid the terabytes of address space; slower is better than not at all.
            Err(failure) => {
                warn!(
                    "no address space for a pool of {} instances, so each is mapped anew, which is slow; fewer \
                     instances at once may fit: {failure:#}",
                    config.max_instances
                );
                no_pool = Some(format!("{failure:#}"));
                wasmtime::Engine::new(&base(kind)).map_err(EngineError)?
            }
        };
        let linker = link(&engine, kind.has_concurrency).map_err(EngineError)?;
        let clock = Clock::start(engine.weak()).map_err(|failure| EngineError(failure.into()))?;
        Ok((Self { engine, linker, clock: Arc::new(clock) }, no_pool))
    }
}

/// An engine that runs nothing: it compiles for [`Runtime`]s here, or on another machine.
pub(crate) fn compiler(kind: EngineKind, target: Option<&str>) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = base(kind);
    if let Some(target) = target {
        config.target(target)?;
    }
    wasmtime::Engine::new(&config)
}

fn base(kind: EngineKind) -> Config {
    let mut config = Config::new();
    config.concurrency_support(kind.has_concurrency);
    config.memory_init_cow(!kind.copies_data);
    config.epoch_interruption(true);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// The base, and where memory comes from.
fn with_memory(config: &EngineConfig, kind: EngineKind) -> Config {
    let mut base = base(kind);
    #[cfg(target_os = "linux")]
    if kind.copies_data {
        // And one for what an instance collects as garbage.
        let memories = config.max_instances.saturating_mul(Capacity::of(config).memories + 1);
        base.with_host_memory(Arc::new(memory::MemoryPool::new(memories as usize)));
        base.with_host_stack(Arc::new(memory::StackPool::new()));
        return base;
    }
    base.allocation_strategy(pool(config));
    base
}

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

/// What the engine's own data about an instance may take, in bytes: as much as a module of a million functions, the most
/// there are, that all are called by pointer.
const MAX_INSTANCE_SIZE: usize = 64 << 20;

/// The settings that decide what a fresh instance costs. What an instance wrote must be undone, completely and whatever
/// the kernel does meanwhile, before the next one gets its memory.
///
/// So wasmtime's way with the kernel's list of written pages is not used (`pagemap_scan`), though it would be faster:
/// wasmtime 48 asks for written pages that are *present*. One that is swapped out is not, nor is one that the kernel is
/// just moving (compaction, balancing between nodes: on any Linux), and the next instance finds in it what another wrote.
/// wasmtime 50 asks for written pages, and is told of each that could have been (Linux 6.18), so it clears them all.
///
/// Nor is anything kept resident: without the list, memory up to that size is cleared or copied anew whether it was
/// written or not. Everything is returned to the kernel, in batches, because each return stops the other cores for a
/// moment.
fn pool(config: &EngineConfig) -> InstanceAllocationStrategy {
    let mut pool = PoolingAllocationConfig::new();
    let instances = config.max_instances;
    let capacity = Capacity::of(config);
    let [core_instances, memories, tables] = [capacity.core_instances, capacity.memories, capacity.tables];
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_core_instances(instances.saturating_mul(core_instances))
        .max_core_instances_per_component(core_instances)
        .total_memories(instances.saturating_mul(memories))
        .max_memories_per_component(memories)
        .max_memories_per_module(memories)
        .total_tables(instances.saturating_mul(tables))
        .max_tables_per_component(tables)
        .max_tables_per_module(tables)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_core_instance_size(MAX_INSTANCE_SIZE)
        .max_component_instance_size(MAX_INSTANCE_SIZE)
        .max_memory_size(config.max_memory_size)
        .table_keep_resident(64 << 10);
    // Said, because a later release of wasmtime might choose for itself.
    pool.pagemap_scan(Enabled::No).linear_memory_keep_resident(0).decommit_batch_size(64);
    InstanceAllocationStrategy::Pooling(pool)
}

/// Links everything that any guest may import: what it may do with it is decided by its grants, not by absence, because
/// the runtimes of most languages import far more than they use.
fn link(engine: &wasmtime::Engine, has_concurrency: bool) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    features::add_to_linker(&mut linker)?;
    wasi::add_to_linker(&mut linker)?;
    if has_concurrency {
        wasi::p3::add_to_linker(&mut linker)?;
    }
    Ok(linker)
}
