//! Finds out from the binary whether a component needs an engine with concurrency. An engine without it is faster for
//! guests that do one thing at a time.

use wasmparser::{
    BinaryReaderError, CanonicalFunction, CanonicalOption, ComponentDefinedType, ComponentType,
    ComponentTypeDeclaration, InstanceTypeDeclaration, Parser, Payload,
};

use super::Wasi;

/// Whether the component, or one inside of it, imports or exports an interface of WASI 0.3, or uses what the component
/// model has for asynchronous calls. What is malformed does not: compiling it says what is wrong.
pub(super) fn is_needed(binary: &[u8]) -> bool {
    scan(binary).unwrap_or(false)
}

fn scan(binary: &[u8]) -> Result<bool, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(binary) {
        let found = match payload? {
            Payload::ComponentImportSection(imports) => {
                any(imports, |import| is_wasi_with_concurrency(import.name.name))?
            }
            Payload::ComponentExportSection(exports) => {
                any(exports, |export| is_wasi_with_concurrency(export.name.name))?
            }
            Payload::ComponentCanonicalSection(functions) => any(functions, |function| is_async(&function))?,
            Payload::ComponentTypeSection(types) => any(types, |ty| has_async(&ty))?,
            _ => false,
        };
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

fn any<T>(
    items: impl IntoIterator<Item = Result<T, BinaryReaderError>>,
    is_one: impl Fn(T) -> bool,
) -> Result<bool, BinaryReaderError> {
    for item in items {
        if is_one(item?) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_wasi_with_concurrency(name: &str) -> bool {
    name.starts_with("wasi:") && name.split_once('@').and_then(|(_, version)| Wasi::of(version)) == Some(Wasi::V0_3)
}

/// Everything but the five functions that there were before: so what a later component model adds counts as well, and
/// fails, if it must, in the engine that has the most.
fn is_async(function: &CanonicalFunction) -> bool {
    match function {
        CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } => {
            options.iter().any(|option| matches!(option, CanonicalOption::Async | CanonicalOption::Callback(_)))
        }
        CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceRep { .. } => false,
        _ => true,
    }
}

fn has_async(ty: &ComponentType<'_>) -> bool {
    match ty {
        ComponentType::Defined(ComponentDefinedType::Future(_) | ComponentDefinedType::Stream(_)) => true,
        ComponentType::Func(function) => function.async_,
        ComponentType::Component(inside) => inside.iter().any(|declared| match declared {
            ComponentTypeDeclaration::Type(ty) => has_async(ty),
            _ => false,
        }),
        ComponentType::Instance(inside) => inside.iter().any(|declared| match declared {
            InstanceTypeDeclaration::Type(ty) => has_async(ty),
            _ => false,
        }),
        ComponentType::Defined(_) | ComponentType::Resource { .. } => false,
    }
}
