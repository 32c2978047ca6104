//! Compiled guests on disk, because a JavaScript or Python guest takes seconds to compile and milliseconds to load.
//!
//! Machine code cannot be checked, so the promise is about its origin: it is loaded only from a folder and a file that
//! this user alone can write, and only if it is byte for byte what was stored. Anything else is ignored, said in the
//! log, and compiled anew. A cache that cannot be used costs time and nothing else.

mod folder;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::precompiled;
use folder::Folder;

/// A folder of compiled guests.
pub struct Cache(Folder);

/// Why a folder cannot be a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or opened.
    #[error("cannot use the cache folder {}: {reason}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Somebody else could put machine code into it.
    #[error("the cache folder {} is not safe to use: {reason}", folder.display())]
    Unsafe {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and the command that mends it.
        reason: String,
    },
}

impl Cache {
    /// The cache in `folder`, which is made (for this user alone) if it is missing.
    pub fn at(folder: &Path) -> Result<Self, CacheError> {
        Folder::open(folder).map(Self)
    }

    /// Where the cache of this user belongs: `$XDG_CACHE_HOME/windhover`, else `~/.cache/windhover`. `None`: the
    /// environment names no home.
    pub fn default_folder() -> Option<PathBuf> {
        let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")))?;
        Some(caches.join("windhover"))
    }

    /// The compiled form of `binary`, if it is here and can be trusted.
    pub(crate) fn get(&self, engine: &Engine, binary: &[u8]) -> Option<Component> {
        let name = name(engine, binary);
        let entry = self.0.read(&name).transpose()?;
        entry
            .and_then(|entry| precompiled::load(engine, &entry.code()).map_err(|error| format!("{error:#}")))
            .inspect_err(|reason| warn!("the cached guest {name} is not used: {reason}"))
            .ok()
    }

    /// Stores the compiled form of `binary`. Failing costs the next start some time.
    pub(crate) fn put(&self, component: &Component, binary: &[u8]) {
        let name = name(component.engine(), binary);
        let stored = component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|code| self.0.write(&name, &code).map_err(|error| error.to_string()));
        match stored {
            Ok(()) => debug!("the compiled guest is cached as {name}"),
            Err(error) => warn!("the compiled guest could not be cached: {error}"),
        }
    }
}

/// Depends on all that the machine code depends on: the component, wasmtime's version, its settings, the processor.
fn name(engine: &Engine, binary: &[u8]) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    env!("CARGO_PKG_VERSION").hash(&mut settings);
    format!("{}-{:016x}.cwasm", blake3::hash(binary).to_hex(), settings.finish())
}
