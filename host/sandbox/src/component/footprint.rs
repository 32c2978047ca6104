//! Finds out without compiling how much an instance of a component needs at least, and whether there is room for it.
//! `serve` and `check` both use it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wasmparser::{
    BinaryReaderError, ComponentAlias, ComponentExternalKind, ComponentInstance, ComponentOuterAliasKind,
    ComponentTypeRef, Instance, MemoryType, Parser, Payload,
};

use super::LoadError;
use crate::engine::config::{Capacity, EngineConfig};
use crate::limits::SandboxLimits;
use crate::limits::memory::{MAX_TABLE_ELEMENTS, TABLE_ELEMENT_SIZE};

/// What an instance of a component takes at least. What it is made of that comes from outside is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Footprint {
    core_instances: u64,
    memories: u64,
    tables: u64,
    /// Bytes that its memories and tables begin with, all together.
    size: u64,
    /// Bytes that the largest memory begins with.
    largest_memory: u64,
    /// Elements that the largest table begins with.
    largest_table: u64,
    /// Whether threads could share one of its memories.
    has_shared_memory: bool,
}

impl Footprint {
    /// Reads a binary component.
    pub(crate) fn read(binary: &[u8], file: &Path) -> Result<Self, LoadError> {
        Self::parse(binary).map_err(|reason| LoadError::Invalid { file: file.into(), reason: reason.into() })
    }

    fn parse(binary: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut scopes: Vec<Scope> = Vec::new(); // the innermost last
        for payload in Parser::new(0).parse_all(binary) {
            let payload = payload?;
            if let Payload::Version { encoding, .. } = payload {
                scopes.push(Scope { is_module: encoding == wasmparser::Encoding::Module, ..Scope::default() });
                continue;
            }
            if let Payload::End(_) = payload {
                let Some(ended) = scopes.pop() else { break };
                match scopes.last_mut() {
                    None => return Ok(ended.own),
                    Some(around) if ended.is_module => around.modules.push(ended.own),
                    Some(around) => around.components.push(ended.own),
                }
                continue;
            }
            read_section(payload, &mut scopes)?;
        }
        Ok(Self::default()) // it ends too early, which compiling it says
    }

    fn add(&mut self, other: &Self) {
        self.core_instances = self.core_instances.saturating_add(other.core_instances);
        self.memories = self.memories.saturating_add(other.memories);
        self.tables = self.tables.saturating_add(other.tables);
        self.size = self.size.saturating_add(other.size);
        self.largest_memory = self.largest_memory.max(other.largest_memory);
        self.largest_table = self.largest_table.max(other.largest_table);
        self.has_shared_memory |= other.has_shared_memory;
    }

    fn add_memory(&mut self, memory: &MemoryType) {
        let page = 1_u64.checked_shl(memory.page_size_log2.unwrap_or(16)).unwrap_or(u64::MAX);
        let size = memory.initial.saturating_mul(page);
        self.memories += 1;
        self.size = self.size.saturating_add(size);
        self.largest_memory = self.largest_memory.max(size);
        self.has_shared_memory |= memory.shared;
    }

    fn add_table(&mut self, elements: u64) {
        self.tables += 1;
        self.size = self.size.saturating_add(elements.saturating_mul(TABLE_ELEMENT_SIZE as u64));
        self.largest_table = self.largest_table.max(elements);
    }

    /// Refuses what an engine has no room for in any instance.
    pub(crate) fn check(&self, engine: &EngineConfig, file: &Path) -> Result<(), LoadError> {
        let capacity = Capacity::of(engine);
        let too_many = |number: u64, most: u32, what: &str, remedy: &'static str| {
            (number > u64::from(most)).then(|| (format!("{number} {what}, but this host allows {most}"), remedy))
        };
        let beyond = |number: u64, most: usize, what: &str, unit: &str, remedy: &'static str| {
            (number > most as u64)
                .then(|| (format!("{what} that begins with {number} {unit}, but the limit is {most}"), remedy))
        };
        let shared = self.has_shared_memory.then(|| {
            ("a memory that threads share, and this host has no threads".to_owned(), "Build it without threads.")
        });
        let found =
            too_many(self.core_instances, capacity.core_instances, "core modules", "Link it into fewer of them.")
                .or_else(|| too_many(self.memories, capacity.memories, "memories", "Build it for one memory."))
                .or_else(|| {
                    too_many(
                        self.tables,
                        capacity.tables,
                        "tables",
                        "Link it into fewer modules, or build it for one table.",
                    )
                })
                .or_else(|| {
                    let remedy = "A table has an element for each function that is called by pointer: link in less.";
                    beyond(self.largest_table, MAX_TABLE_ELEMENTS, "a table", "elements", remedy)
                })
                .or_else(|| {
                    let remedy = "Build it with a smaller initial memory.";
                    beyond(self.largest_memory, engine.max_memory_size, "a memory", "bytes", remedy)
                })
                .or(shared);
        match found {
            None => Ok(()),
            Some((what, remedy)) => Err(LoadError::TooLarge { file: file.into(), what, remedy: remedy.to_owned() }),
        }
    }

    /// Refuses what would have more memory at its beginning than it may have.
    pub(crate) fn check_limits(&self, limits: &SandboxLimits, file: &Path) -> Result<(), LoadError> {
        if self.size <= limits.max_memory as u64 {
            return Ok(());
        }
        let what =
            format!("{} of memory at its start, but its limit is {}", size(self.size), size(limits.max_memory as u64));
        let remedy = format!(
            "Raise max-memory, in a file as apps.NAME.limits.max-memory, else as --max-memory {}, or build it with a \
             smaller initial memory.",
            self.size.div_ceil(1 << 20)
        );
        Err(LoadError::TooLarge { file: file.into(), what, remedy })
    }
}

/// A module or component that is being read.
#[derive(Default)]
struct Scope {
    is_module: bool,
    /// What one instance of it takes.
    own: Footprint,
    /// What it may be made of, in the order of their indices.
    modules: Vec<Footprint>,
    components: Vec<Footprint>,
}

impl Scope {
    fn kind(&mut self, kind: ComponentExternalKind) -> Option<&mut Vec<Footprint>> {
        match kind {
            ComponentExternalKind::Module => Some(&mut self.modules),
            ComponentExternalKind::Component => Some(&mut self.components),
            _ => None,
        }
    }
}

/// What has no such index is malformed, and compiling it says so.
fn read_section(payload: Payload<'_>, scopes: &mut [Scope]) -> Result<(), BinaryReaderError> {
    let depth = scopes.len();
    let Some(scope) = scopes.last_mut() else { return Ok(()) };
    let at = |all: &[Footprint], index: u32| all.get(index as usize).copied().unwrap_or_default();
    match payload {
        Payload::MemorySection(memories) => {
            for memory in memories {
                scope.own.add_memory(&memory?);
            }
        }
        Payload::TableSection(tables) => {
            for table in tables {
                scope.own.add_table(table?.ty.initial);
            }
        }
        Payload::ComponentImportSection(imports) => {
            for import in imports {
                match import?.ty {
                    ComponentTypeRef::Module(_) => scope.modules.push(Footprint::default()),
                    ComponentTypeRef::Component(_) => scope.components.push(Footprint::default()),
                    _ => {}
                }
            }
        }
        Payload::ComponentExportSection(exports) => {
            for export in exports {
                let export = export?;
                if let Some(all) = scope.kind(export.kind) {
                    let same = at(all, export.index);
                    all.push(same);
                }
            }
        }
        Payload::ComponentAliasSection(aliases) => {
            for alias in aliases {
                match alias? {
                    ComponentAlias::InstanceExport { kind, .. } => {
                        scopes[depth - 1].kind(kind).into_iter().for_each(|all| all.push(Footprint::default()));
                    }
                    ComponentAlias::Outer { kind, count, index } => {
                        let kind = match kind {
                            ComponentOuterAliasKind::CoreModule => ComponentExternalKind::Module,
                            ComponentOuterAliasKind::Component => ComponentExternalKind::Component,
                            _ => continue,
                        };
                        let around = depth.checked_sub(1 + count as usize).and_then(|depth| scopes[depth].kind(kind));
                        let same = around.map_or_else(Footprint::default, |all| at(all, index));
                        scopes[depth - 1].kind(kind).into_iter().for_each(|all| all.push(same));
                    }
                    ComponentAlias::CoreInstanceExport { .. } => {}
                }
            }
        }
        Payload::InstanceSection(instances) => {
            for instance in instances {
                if let Instance::Instantiate { module_index, .. } = instance? {
                    scope.own.core_instances += 1;
                    let module = at(&scope.modules, module_index);
                    scope.own.add(&module);
                }
            }
        }
        Payload::ComponentInstanceSection(instances) => {
            for instance in instances {
                if let ComponentInstance::Instantiate { component_index, .. } = instance? {
                    let component = at(&scope.components, component_index);
                    scope.own.add(&component);
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// `130.5 MiB`
fn size(bytes: u64) -> String {
    match bytes as f64 / f64::from(1 << 20) {
        mebibytes if mebibytes.fract() == 0.0 => format!("{mebibytes} MiB"),
        mebibytes => format!("{mebibytes:.1} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(text: &str) -> Footprint {
        Footprint::parse(&wat::parse_str(text).expect("a test's component is well formed")).expect("and can be read")
    }

    #[test]
    fn what_is_instantiated_is_counted_as_often_as_it_is() {
        let found = footprint(
            r#"(component
                (core module $unused (memory 7))
                (core module $one (memory 2) (table 10 funcref) (table 3 funcref))
                (component $inside
                    (alias outer 1 $one (core module $one))
                    (core instance (instantiate $one))
                    (core instance (instantiate $one)))
                (core instance (instantiate $one))
                (instance (instantiate $inside))
                (instance (instantiate $inside)))"#,
        );
        assert_eq!((found.core_instances, found.memories, found.tables), (5, 5, 10));
        assert_eq!(found.size, 5 * (2 * 65_536 + 13 * 8));
        assert_eq!((found.largest_memory, found.largest_table), (2 * 65_536, 10));
    }

    #[test]
    fn what_comes_from_outside_is_not_counted_and_has_its_index() {
        let found = footprint(
            r#"(component
                (import "a" (core module $outside (import "" "f" (func))))
                (core module $own (memory 1))
                (core instance $own (instantiate $own)))"#,
        );
        assert_eq!((found.core_instances, found.memories), (1, 1));
    }
}
