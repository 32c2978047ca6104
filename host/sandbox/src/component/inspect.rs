//! Reports everything about a component that can be found without running or compiling it, so a large one takes no
//! longer than a small one.
//!
//! The code that loads guests decides whether this host can run it. Only an engine can find out whether imports and
//! exports with the right names have the right types ([`crate::Guest::check`]).

mod made_with;
mod wants;

use std::path::Path;

use wasmparser::{Validator, WasmFeatures};
use windhover_contract::Feature;

use crate::component::{LoadError, World};
use crate::component::{Outline, answers_once, binary, keeps_resources};

pub use made_with::MadeWith;
pub use wants::Want;

/// What is known about a component without running it.
#[derive(Debug)]
pub struct Inspection {
    /// Whether the file is text, not binary.
    pub is_text: bool,
    /// The core modules in it, including those of inner components.
    pub core_modules: usize,
    /// The tools that made it, as far as it states them.
    pub made_with: MadeWith,
    /// The world that it was written for. `None`: it has no handler for requests.
    pub world: Option<World>,
    /// The names of its imports.
    pub imports: Vec<String>,
    /// The names of its exports.
    pub exports: Vec<String>,
    /// Whether an instance can answer more than one request, as far as is known: one engine is known that does not, and
    /// [`crate::Reuse`] has no effect on it.
    pub can_reuse: bool,
    /// Whether its engine keeps a resource for each piece of content that it reads, which
    /// [`crate::SandboxLimits::max_resource_memory`] limits; one engine is known that does.
    pub keeps_resources: bool,
    /// The features that it needs.
    pub features: Vec<Feature>,
    /// Grants that it may need, judged by its imports.
    pub wants: Vec<Want>,
    /// Why this host cannot run it on any server. `None`: it can.
    pub refusal: Option<LoadError>,
}

impl Inspection {
    /// The name of the world, also of worlds that this host does not run. `None`: the world is unknown.
    pub fn world_name(&self) -> Option<String> {
        let other = |prefix: &str, world: &str| {
            let rest = self.exports.iter().find_map(|name| name.strip_prefix(prefix))?;
            Some(format!("{world}{rest}"))
        };
        match self.world {
            Some(world) if world.next(&self.imports).is_some() => Some(format!("{world}, as middleware")),
            Some(world) => Some(world.to_string()),
            None => other("wasi:cli/run@", "wasi:cli/command ")
                .or_else(|| other("windhover:http/", "middleware that exports windhover:http/")),
        }
    }
}

/// Inspects a component, binary or text. `file` is its name in errors. Fails if the file is not a valid component.
pub fn inspect(bytes: &[u8], file: &Path) -> Result<Inspection, LoadError> {
    let binary = binary(bytes, file)?;
    let outline = Outline::read(&binary, file)?; // before the rest, which may take long for what is refused here
    Validator::new_with_features(FEATURES)
        .validate_all(&binary)
        .map_err(|reason| LoadError::Invalid { file: file.into(), reason: reason.into() })?;
    let (core_modules, made_with) = made_with::read(&binary);
    Ok(Inspection {
        is_text: !bytes.starts_with(b"\0asm"),
        core_modules,
        made_with,
        world: World::of(&outline.exports),
        can_reuse: !answers_once(&binary, &outline),
        keeps_resources: keeps_resources(&binary, &outline),
        features: outline.features(),
        wants: wants::wants(&outline.imports),
        refusal: outline.examine(file).err(),
        imports: outline.imports,
        exports: outline.exports,
    })
}

/// What the engine takes: wasmtime's defaults.
const FEATURES: WasmFeatures = WasmFeatures::WASM3
    .union(WasmFeatures::GC_TYPES)
    .union(WasmFeatures::THREADS)
    .union(WasmFeatures::COMPONENT_MODEL)
    .union(WasmFeatures::CM_ASYNC);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_that_is_not_valid_is_no_component() {
        let wrong = r#"(component (core module (func (result i32))))"#;
        let error = inspect(wrong.as_bytes(), Path::new("app.wat")).expect_err("the function has no result");
        assert!(error.to_string().starts_with("app.wat does not compile: type mismatch"), "{error}");
    }

    #[test]
    fn what_is_inside_is_counted_and_not_taken_for_the_whole() {
        let nested = r#"(component
            (core module)
            (component (core module) (import "wasi:sockets/tcp@0.2.0" (instance))))"#;
        let inspection = inspect(nested.as_bytes(), Path::new("app.wat")).expect("it is valid");
        assert_eq!(inspection.core_modules, 2);
        assert!(inspection.imports.is_empty() && inspection.wants.is_empty() && inspection.is_text);
        assert!(matches!(inspection.refusal, Some(LoadError::NoHandler { .. })));
    }
}
