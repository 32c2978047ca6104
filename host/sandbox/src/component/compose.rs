//! Composes middleware and an app into one component, which is then loaded like any other.
//!
//! The component shows which of two kinds a middleware is. A *handler* exports the app's handler and imports the next
//! one. A *filter* exports features that it also imports, and replaces them for every component behind it. Imports that
//! no component answers stay imports of the composition, which the host answers.

mod composer;
mod error;
mod role;

use std::path::Path;

use wac_graph::types::are_semver_compatible;

use crate::component::{Outline, World, binary};
use composer::{Composer, Filter};
use role::Role;

pub use composer::Composition;
pub use error::{ComposeError, ComposeWarning};

/// A component of a composition.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its name in errors.
    pub file: &'a Path,
    /// Binary or text.
    pub bytes: &'a [u8],
}

/// Puts `middleware` before `app`. The first one is outermost and gets each request first.
pub fn compose(app: Part<'_>, middleware: &[Part<'_>]) -> Result<Composition, ComposeError> {
    let mut composer = Composer::default();
    let app_binary = binary(app.bytes, app.file)?;
    let app_outline = Outline::read(&app_binary, app.file)?;
    let Some(world) = World::of(&app_outline.exports) else {
        return Err(app_outline.refusal(app.file).into());
    };

    // From the outermost inwards: filters affect the components behind them.
    let mut filters: Vec<Filter> = Vec::new();
    let mut handlers = Vec::new();
    for part in middleware {
        let binary = binary(part.bytes, part.file)?;
        let outline = Outline::read(&binary, part.file)?;
        let role = Role::of(&outline, part.file)?;
        outline.check_imports(part.file, |import| {
            let is_told = filters.iter().any(|filter| are_semver_compatible(&filter.feature, import));
            is_told || role.next(&outline) == Some(import)
        })?;
        let component = composer.add(part.file, &binary)?;
        let instance = composer.instantiate(&component, &mut filters, &outline)?;
        match role {
            Role::Filter(features) => {
                for feature in features {
                    if !outline.imports.iter().any(|import| are_semver_compatible(import, &feature)) {
                        let (file, feature) = (part.file.into(), feature.clone());
                        composer.warnings.push(ComposeWarning::NotImported { file, feature });
                    }
                    let node = composer.export_of(&component, instance, &feature)?;
                    filters.push(Filter { file: part.file, feature, node, is_used: false });
                }
            }
            Role::Handler(its) if its != world => {
                let (file, app) = (part.file.into(), app.file.into());
                return Err(ComposeError::OtherWorld { file, world: its, app, app_world: world });
            }
            Role::Handler(_) => handlers.push((component, instance, outline)),
        }
    }
    let component = composer.add(app.file, &app_binary)?;
    let instance = composer.instantiate(&component, &mut filters, &app_outline)?;
    for Filter { file, feature, .. } in filters.into_iter().filter(|filter| !filter.is_used) {
        composer.warnings.push(ComposeWarning::Unused { file: file.into(), feature });
    }

    // From the app outwards: each handler imports the next one.
    let mut export = world.handler(&app_outline.exports).expect("the world was told by it").to_owned();
    let mut next = composer.export_of(&component, instance, &export)?;
    for (component, instance, outline) in handlers.iter().rev() {
        let import = world.next(&outline.imports).expect("the role was told by it");
        composer.connect(component, *instance, import, next)?;
        export = world.handler(&outline.exports).expect("the role was told by it").to_owned();
        next = composer.export_of(component, *instance, &export)?;
    }
    composer.finish(next, &export)
}
