//! Reads the WIT that an app was written for.

use std::path::Path;

use anyhow::Context;
use wit_parser::{Resolve, WorldId};

/// Reads a file, or a folder with its dependencies in `deps`, and finds a world in it: the one of that name, or the only
/// one.
pub(crate) fn world(wit: &Path, name: Option<&str>) -> anyhow::Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(wit).with_context(|| format!("cannot use the WIT in {}", wit.display()))?;
    let worlds: Vec<_> = resolve.packages[package].worlds.keys().cloned().collect();
    let world = resolve.select_world(&[package], name).with_context(|| match name {
        Some(name) => format!("{} has no world {name:?}; it has {}", wit.display(), worlds.join(", ")),
        None => format!("{} does not have one world but {}; name one with --world", wit.display(), worlds.join(", ")),
    })?;
    Ok((resolve, world))
}
