//! Loads apps: reads their files, composes them with their middleware, compiles them, and opens what they are granted.

use std::fs;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use tracing::warn;
use windhover_contract::Server;
use windhover_http::HttpServer;
use windhover_sandbox::{
    Access as FolderAccess, Cache, Engine, EngineConfig, Grants, Guest, Origin, Outbound, Sandbox,
};

use crate::app::Loaded;
use crate::config::file::{self, Access, App, File, NO_CACHE};
use crate::config::validate::outbound_rule;
use crate::output::say;
use crate::parts::Parts;
use crate::progress::Progress;
use crate::secret::secret;

/// Loads apps; a trait, so that tests can make it fail.
pub(crate) trait Load {
    /// Loads an app. May take long, and may panic: compilers have bugs too.
    fn load(&self, name: &str, app: &App) -> anyhow::Result<Arc<Loaded>>;
}

/// The engine and the cache that apps are loaded with.
pub(crate) struct Loader {
    engine: Engine,
    cache: Option<Cache>,
    progress: Progress,
    /// The instances of all apps together.
    max_instances: NonZeroU32,
}

impl Loader {
    pub(crate) fn open(file: &File) -> anyhow::Result<Self> {
        let (engine, cache, progress) = (engine(file)?, cache(&file.server), Progress::default());
        Ok(Self { engine, cache, progress, max_instances: file.server.max_instances })
    }

    /// Reports its progress there.
    pub(crate) fn telling(self, progress: Progress) -> Self {
        Self { progress, ..self }
    }

    fn make(&self, name: &str, app: &App) -> anyhow::Result<Arc<Loaded>> {
        let component = Some(app.component.as_path()).filter(|file| !file.as_os_str().is_empty());
        if app.build.is_some() && !app.component.exists() {
            bail!("{} is not built; run `windhover build`", app.component.display());
        }
        let known = match (component, &self.cache) {
            (Some(file), Some(cache)) if app.middleware.is_empty() => Guest::recall(&self.engine, file, cache),
            _ => None,
        };
        let guest = match known {
            Some(guest) => guest,
            None => self.read(component, &app.middleware)?,
        };
        self.progress.end(); // the next line says how it was loaded
        guest.require(HttpServer::offers)?;
        guest.require_room(&app.to_sandbox(self.max_instances))?;
        let grants = grants(app)?;
        let how = match guest.origin() {
            Origin::Compiled => "compiled in",
            Origin::Cache => "loaded from the cache in",
            Origin::Ahead => "compiled ahead, loaded in",
        };
        say(&format!("Serving {} ({}), {how} {} ms", guest.file().display(), guest.world(), guest.took().as_millis()));
        let version: String = guest.digest().chars().take(VERSION_LENGTH).collect();
        let sandbox = Sandbox::new(guest, name, app.to_sandbox(self.max_instances), grants);
        Ok(Arc::new(Loaded { sandbox, version: version.into() }))
    }

    /// Reads an app and its middleware, and composes them to one guest.
    fn read(&self, component: Option<&Path>, middleware: &[PathBuf]) -> anyhow::Result<Guest> {
        let parts = Parts::read(component, middleware)?;
        let whole = parts.compose()?;
        for warning in &whole.warnings {
            warn!("{warning}");
        }
        Ok(whole.load(&self.engine, self.cache.as_ref())?)
    }
}

/// The engine for all apps of a configuration.
pub fn engine(file: &File) -> anyhow::Result<Engine> {
    let defaults = EngineConfig::default();
    let parts = file.apps.values().map(|app| 1 + app.middleware.len()).max().unwrap_or(1);
    Ok(Engine::new(&EngineConfig {
        max_instances: file.server.max_instances.get(),
        max_buffered: file.server.max_buffered.map_or(defaults.max_buffered, |size| size.as_usize()),
        max_grown_memory: file.server.max_grown_memory.map_or(defaults.max_grown_memory, |size| size.as_usize()),
        max_components: u32::try_from(parts).unwrap_or(u32::MAX),
        background_threads: file.server.workers.map_or(defaults.background_threads, NonZeroUsize::get),
        ..defaults
    })?)
}

impl Load for Loader {
    fn load(&self, name: &str, app: &App) -> anyhow::Result<Arc<Loaded>> {
        let file = app.component.as_path();
        let what = if file.as_os_str().is_empty() { "the welcome page".into() } else { file.display().to_string() };
        self.progress.begin(name, &what);
        let loading = Loading(&self.progress);
        let loaded = self.make(name, app);
        drop(loading);
        loaded
    }
}

/// Ends the progress report when it is dropped, also by a panic.
struct Loading<'a>(&'a Progress);

impl Drop for Loading<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Where compiled apps are kept unless a configuration says otherwise: `windhover` in the cache folder of this user.
/// `None`: this user has no home.
pub fn cache_folder() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("windhover"))
}

/// Without a usable cache the server runs too, and compiles at each start.
fn cache(server: &file::Server) -> Option<Cache> {
    if server.cache.as_deref() == Some(Path::new(NO_CACHE)) {
        return None;
    }
    let folder = server.cache.clone().or_else(cache_folder)?;
    Cache::at(&folder).inspect_err(|error| warn!("the cache cannot be used, compiled apps are not kept: {error}")).ok()
}

fn grants(app: &App) -> anyhow::Result<Grants> {
    let written = &app.grants;
    let mut grants = Grants::default();
    if let Some(folder) = &written.files {
        grants = grants.files(folder).with_context(|| {
            format!("cannot use {} as the folder of files to send; it must be an existing folder", folder.display())
        })?;
    }
    for (name, value) in &written.environment {
        grants = grants.variable(name, value);
    }
    for (name, kept) in &written.secrets {
        grants = grants.variable(name, secret(name, kept)?);
    }
    for (key, value) in &written.config {
        grants = grants.config(key, value);
    }
    for (path, folder) in &written.folders {
        let access = match folder.access {
            Access::Read => FolderAccess::Read,
            Access::ReadWrite => FolderAccess::ReadWrite,
        };
        grants = grants.folder(path, &folder.path, access).with_context(|| {
            format!("cannot grant {} as {path}; it must be an existing folder", folder.path.display())
        })?;
    }
    if !written.outbound.is_empty() {
        let rules = written.outbound.iter().map(|rule| outbound_rule(rule).map_err(anyhow::Error::msg));
        let authorities = written
            .outbound_authorities
            .as_ref()
            .map(|file| fs::read(file).with_context(|| format!("cannot read the authorities in {}", file.display())));
        let limits = app.limits.outbound.to_sandbox();
        let (rules, authorities) = (rules.collect::<anyhow::Result<_>>()?, authorities.transpose()?);
        grants = grants.outbound(Outbound { rules, authorities, limits })?;
    }
    Ok(grants)
}

/// Digits of a hash: enough to distinguish versions, few enough to read.
const VERSION_LENGTH: usize = 12;
