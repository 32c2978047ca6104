//! Derives the kind of a middleware from its imports and exports.

use std::path::Path;

use super::ComposeError;
use crate::component::{Outline, World};

/// What a middleware does.
pub(super) enum Role {
    /// It handles requests and calls the next handler.
    Handler(World),
    /// It tells what stands behind it these features, in its own words.
    Filter(Vec<String>),
}

impl Role {
    /// Refuses a component that is not middleware.
    pub(super) fn of(outline: &Outline, file: &Path) -> Result<Self, ComposeError> {
        let features = outline.exports.iter().filter(|name| name.starts_with("windhover:http/"));
        let features: Vec<String> = features.cloned().collect();
        let no_role = |hint| Err(ComposeError::NoRole { file: file.into(), exports: outline.exports.clone(), hint });
        match World::of(&outline.exports) {
            Some(world) if !features.is_empty() && world.next(&outline.imports).is_some() => {
                Err(ComposeError::Cycle { file: file.into(), features })
            }
            Some(world) if world.next(&outline.imports).is_some() => Ok(Self::Handler(world)),
            Some(World::Application) => no_role(
                "It never calls the next handler: it does not import `next`. If it is the app, serve it; if it is \
                 middleware, build it for the world windhover:http/middleware and call `next`.",
            ),
            Some(_) => no_role(
                "It never calls the next handler: it does not import the handler that it exports. If it is the \
                 app, serve it; if it is middleware, import the handler too and call it.",
            ),
            None if !features.is_empty() => Ok(Self::Filter(features)),
            None => no_role(
                "Build it for the world windhover:http/middleware, or let it import and export wasi:http's handler, or \
                 a feature such as windhover:http/connection.",
            ),
        }
    }

    /// The import that the composition connects to the next handler.
    pub(super) fn next<'a>(&self, outline: &'a Outline) -> Option<&'a str> {
        match self {
            Self::Handler(world) => world.next(&outline.imports),
            Self::Filter(_) => None,
        }
    }
}
