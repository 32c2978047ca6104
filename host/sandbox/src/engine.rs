//! One engine per process: it compiles guests, and owns the memory pool, the ticker and the limits of the process.
//! Inside are up to four engines of wasmtime, each made when the first guest needs it. They differ in two settings.
//! Concurrency within an instance slows down guests that do not use it. And whether our own memories or wasmtime's pool
//! are reset faster depends on the amount of initial data.

pub(crate) mod config;
pub(crate) mod settings;

use std::sync::{Arc, OnceLock};

use tracing::{info, warn};
use wasmtime::component::Linker;

use crate::answer::buffers::Buffers;
use crate::component::EngineKind;
use crate::engine::config::{Capabilities, EngineConfig, EngineError};
use crate::engine::settings::{base, with_memory};
use crate::limits::memory::GrownMemory;
use crate::memory;
use crate::scheduling::background::Background;
use crate::scheduling::instance_limit::InstanceLimit;
use crate::scheduling::ticker::Ticker;
use crate::store::state::State;
use crate::{features, grants, wasi};

/// Compiles guests and holds the pool that their instances come from. Cheap to clone; one is enough for a process.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: EngineConfig,
    capabilities: Capabilities,
    buffers: Arc<Buffers>,
    grown_memory: Arc<GrownMemory>,
    background: Arc<Background>,
    instances: Arc<InstanceLimit>,
    /// By their kinds.
    runtimes: [OnceLock<Runtime>; 4],
}

/// One of wasmtime's engines, with everything linked that a guest of it may import.
pub(crate) struct Runtime {
    pub(crate) engine: wasmtime::Engine,
    pub(crate) linker: Linker<State>,
    pub(crate) ticker: Arc<Ticker>,
}

impl Engine {
    /// Starts an engine, and with it the ticker of all of its guests.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let first = EngineKind::default();
        let (runtime, no_pool) = Runtime::new(config, first)?;
        let runtimes: [OnceLock<Runtime>; 4] = Default::default();
        let _ = runtimes[index(first)].set(runtime); // nothing was there
        let capabilities = Capabilities { lists_pages: memory::lists_pages(), no_pool };
        let instances = config.max_instances;
        if capabilities.no_pool.is_none() {
            info!("reserved address space for {instances} instances; `windhover doctor` shows more about this machine");
        }
        info!("when an instance ends, {}", capabilities.memory_reset());
        let buffers = Arc::new(Buffers::new(config.max_buffered));
        let grown_memory = Arc::new(GrownMemory::new(config.max_grown_memory));
        let background = Arc::new(Background::new(config.background_threads));
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

    /// The limit of all apps together.
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

    /// Where guests compute that take long.
    pub(crate) fn background(&self) -> &Arc<Background> {
        &self.0.background
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
                    "cannot reserve address space for {} instances, so each instance maps its own, which is slow; lower \
                     max-instances: {failure:#}",
                    config.max_instances
                );
                no_pool = Some(format!("{failure:#}"));
                wasmtime::Engine::new(&base(kind)).map_err(EngineError)?
            }
        };
        let linker = link(&engine, kind.has_concurrency).map_err(EngineError)?;
        let ticker = Ticker::spawn(engine.weak()).map_err(|failure| EngineError(failure.into()))?;
        Ok((Self { engine, linker, ticker: Arc::new(ticker) }, no_pool))
    }
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
    grants::link(&mut linker, has_concurrency)?;
    Ok(linker)
}
