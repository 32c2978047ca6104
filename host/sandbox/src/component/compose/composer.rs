//! The graph of a composition: components, their instances, and which export answers which import. Translates the nodes
//! of `wac-graph` into files.

use std::path::{Path, PathBuf};

use wac_graph::types::{Package, are_semver_compatible};
use wac_graph::{CompositionGraph, EncodeError, EncodeOptions, NodeId, PackageId};

use super::error::{ComposeError, ComposeWarning};
use crate::component::LoadError;
use crate::component::Outline;

/// A component that is made of several.
#[derive(Debug)]
pub struct Composition {
    /// The component. It is not validated: loading it does that.
    pub bytes: Vec<u8>,
    /// Likely mistakes that do not prevent the composition.
    pub warnings: Vec<ComposeWarning>,
}

/// A feature that a middleware exports to the components behind it.
pub(super) struct Filter<'a> {
    pub(super) file: &'a Path,
    pub(super) feature: String,
    pub(super) node: NodeId,
    pub(super) is_used: bool,
}

/// A composition in the making.
#[derive(Default)]
pub(super) struct Composer {
    pub(super) warnings: Vec<ComposeWarning>,
    graph: CompositionGraph,
    instances: Vec<(NodeId, PathBuf)>,
}

/// A component that may be instantiated.
pub(super) struct Component<'a> {
    file: &'a Path,
    package: PackageId,
}

impl Composer {
    pub(super) fn add<'a>(&mut self, file: &'a Path, binary: &[u8]) -> Result<Component<'a>, ComposeError> {
        // Names need only differ: the same file may stand in two places.
        let name = format!("part:number-{}", self.instances.len());
        let invalid = |reason: String| LoadError::Invalid { file: file.into(), reason: wasmtime::Error::msg(reason) };
        let package = Package::from_bytes(&name, None, binary, self.graph.types_mut());
        let package = package.map_err(|reason| invalid(format!("{reason:#}")))?;
        let package = self.graph.register_package(package).expect("no other has this name");
        Ok(Component { file, package })
    }

    /// An instance that imports the features of the filters before it. Its other imports stay open.
    pub(super) fn instantiate(
        &mut self,
        component: &Component<'_>,
        filters: &mut [Filter<'_>],
        outline: &Outline,
    ) -> Result<NodeId, ComposeError> {
        let instance = self.graph.instantiate(component.package);
        self.instances.push((instance, component.file.into()));
        for import in &outline.imports {
            // The innermost of those that stand before it.
            let filter = filters.iter_mut().rev().find(|filter| are_semver_compatible(&filter.feature, import));
            if let Some(filter) = filter {
                filter.is_used = true;
                self.connect(component, instance, import, filter.node)?;
            }
        }
        Ok(instance)
    }

    pub(super) fn connect(
        &mut self,
        component: &Component<'_>,
        instance: NodeId,
        import: &str,
        node: NodeId,
    ) -> Result<(), ComposeError> {
        self.graph
            .set_instantiation_argument(instance, import, node)
            .map_err(|reason| ComposeError::DoesNotFit { file: component.file.into(), reason: chain(&reason) })
    }

    pub(super) fn export_of(
        &mut self,
        component: &Component<'_>,
        instance: NodeId,
        name: &str,
    ) -> Result<NodeId, ComposeError> {
        self.graph
            .alias_instance_export(instance, name)
            .map_err(|reason| ComposeError::DoesNotFit { file: component.file.into(), reason: chain(&reason) })
    }

    pub(super) fn finish(mut self, handler: NodeId, name: &str) -> Result<Composition, ComposeError> {
        self.graph.export(handler, name).map_err(|reason| ComposeError::Impossible { reason: chain(&reason) })?;
        let options = EncodeOptions { define_components: true, validate: false, processor: None };
        let bytes = self.graph.encode(options).map_err(|reason| self.explain(reason))?;
        Ok(Composition { bytes, warnings: self.warnings })
    }

    /// Whose import it is that means something else than another's of the same name.
    fn explain(&self, reason: EncodeError) -> ComposeError {
        let EncodeError::ImportTypeMergeConflict { import, first, second, source } = reason else {
            return ComposeError::Impossible { reason: chain(&reason) };
        };
        let file = |wanted: NodeId| self.instances.iter().find(|(node, _)| *node == wanted).map(|(_, file)| file);
        // Of two names that differ in the patch version, only one instance is known.
        let other = file(first).filter(|_| first != second).map_or("the others".into(), |file| file.to_string_lossy());
        let reason = format!("it and {other} mean different things by {import}: {source:#}");
        ComposeError::DoesNotFit { file: file(second).cloned().unwrap_or_default(), reason }
    }
}

/// An error with its reasons, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let reasons = std::iter::successors(Some(error), |error| error.source());
    reasons.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
