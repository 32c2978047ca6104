//! The settings of wasmtime's engines: how they compile code, and where the memory of instances comes from.

#[cfg(target_os = "linux")]
use std::sync::Arc;

use wasmtime::{Config, Enabled, InstanceAllocationStrategy, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::component::EngineKind;
use crate::engine::config::{Capacity, EngineConfig};
use crate::limits::memory::MAX_TABLE_ELEMENTS;
#[cfg(target_os = "linux")]
use crate::memory;

/// An engine that runs nothing: it compiles for engines here, or on another machine.
pub(crate) fn compiler(kind: EngineKind, target: Option<&str>) -> wasmtime::Result<wasmtime::Engine> {
    let mut config = base(kind);
    if let Some(target) = target {
        config.target(target)?;
    }
    wasmtime::Engine::new(&config)
}

pub(super) fn base(kind: EngineKind) -> Config {
    let mut config = Config::new();
    config.concurrency_support(kind.has_concurrency);
    config.memory_init_cow(!kind.copies_data);
    config.epoch_interruption(true);
    config.wasm_backtrace_details(WasmBacktraceDetails::Enable);
    config
}

/// The base, and where memory comes from.
pub(super) fn with_memory(config: &EngineConfig, kind: EngineKind) -> Config {
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
