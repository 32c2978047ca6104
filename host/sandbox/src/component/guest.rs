//! A component file, checked, compiled and linked once per app, so that an exchange only instantiates it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{info, warn};
use wasmtime::component::Component;
use wasmtime_wasi_http::p3::bindings::ServicePre;
use windhover_contract::Feature;

use crate::component::cache::Cache;
use crate::component::compiled::Compiled;
use crate::component::precompiled;
use crate::component::source::Source;
use crate::component::{Facts, Footprint, LoadError, Outline, World, binary, without_code};
use crate::engine::Engine;
use crate::engine::Runtime;
use crate::features::bindings::ApplicationPre;
use crate::limits::SandboxLimits;
use crate::scheduling::ticker::Ticker;
use crate::store::state::State;
use crate::wasi::p2::bindings::WasiHttpPre;

/// A component that can answer requests.
pub struct Guest {
    file: PathBuf,
    engine: Engine,
    runtime: wasmtime::Engine,
    ticker: Arc<Ticker>,
    pub(crate) kind: Kind,
    needs: Vec<Feature>,
    footprint: Footprint,
    has_current_exchange: bool,
    answers_once: bool,
    digest: String,
    origin: Origin,
    took: Duration,
}

/// The origin of a guest's machine code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled now.
    Compiled,
    /// From the cache.
    Cache,
    /// Compiled ahead by [`crate::compile`], and stored with the component.
    Ahead,
}

/// How its handler is called.
pub(crate) enum Kind {
    Application(ApplicationPre<State>),
    WasiHttp(WasiHttpPre<State>),
    WasiHttp3(ServicePre<State>),
}

impl Guest {
    /// Loads a component, binary or text, from a file. Code that this engine compiled before comes from `cache`.
    pub fn load(engine: &Engine, file: &Path, cache: Option<&Cache>) -> Result<Self, LoadError> {
        match cache.and_then(|cache| Self::recall(engine, file, cache)) {
            Some(guest) => Ok(guest),
            None => Self::from_source(engine, &Source::read(file)?, cache),
        }
    }

    /// Loads a guest that was compiled before from an unchanged file, without reading the file. `None`: the file has
    /// changed, is not known, or can no longer be loaded; [`Guest::load`] reports why.
    pub fn recall(engine: &Engine, file: &Path, cache: &Cache) -> Option<Self> {
        let begin = Instant::now();
        let facts = cache.recall(file)?;
        let runtime = engine.runtime(facts.kind).ok()?;
        let found = (cache.get(&runtime.engine, &facts)?, Origin::Cache);
        Self::ready(engine, runtime, found, &facts, file, begin).ok()
    }

    /// Loads a file that was read. Machine code in it is used if it fits this engine.
    pub fn from_source(engine: &Engine, source: &Source, cache: Option<&Cache>) -> Result<Self, LoadError> {
        let (guest, facts) = Self::make(engine, source.component(), source.file(), source.compiled(), cache)?;
        if let (Some(cache), Some(stamp)) = (cache, source.stamp()) {
            cache.remember(source.file(), stamp.clone(), &facts);
        }
        Ok(guest)
    }

    /// Loads a component from memory. `file` is its name in errors.
    pub fn from_bytes(engine: &Engine, bytes: &[u8], file: &Path, cache: Option<&Cache>) -> Result<Self, LoadError> {
        Self::make(engine, bytes, file, None, cache).map(|(guest, _)| guest)
    }

    /// Checks whether this engine would load a component, with the code of [`Guest::from_bytes`], and whether its
    /// instances would fit their limits; but without compiling its functions, which takes longest. It does not check
    /// that each function is valid; [`crate::inspect`] does.
    pub fn check(
        engine: &Engine,
        bytes: &[u8],
        file: &Path,
        limits: &SandboxLimits,
        offers: impl Fn(Feature) -> bool,
    ) -> Result<(), LoadError> {
        let binary = binary(bytes, file)?;
        Outline::read(&binary, file)?;
        let guest = Self::from_bytes(engine, &without_code::without_code(&binary), file, None)?;
        guest.require(offers)?;
        guest.require_room(limits)
    }

    fn make(
        engine: &Engine,
        bytes: &[u8],
        file: &Path,
        compiled: Option<&Compiled>,
        cache: Option<&Cache>,
    ) -> Result<(Self, Facts), LoadError> {
        let begin = Instant::now();
        let binary = binary(bytes, file)?;
        let facts = Facts::read(&binary, file)?;
        facts.examine(engine.config(), file)?; // before it is compiled
        let runtime = engine.runtime(facts.kind).map_err(|reason| LoadError::NoEngine { file: file.into(), reason })?;
        let ahead = || Some((precompiled(&runtime.engine, compiled?, file)?, Origin::Ahead));
        let cached = || Some((cache?.get(&runtime.engine, &facts)?, Origin::Cache));
        let found = match ahead().or_else(cached) {
            Some(found) => found,
            None => {
                // A large one takes half a minute.
                info!("compiling {}, {} kB", file.display(), binary.len() / 1000);
                let component = Component::from_binary(&runtime.engine, &binary)
                    .map_err(|reason| LoadError::Invalid { file: file.into(), reason })?;
                if let Some(cache) = cache {
                    cache.put(&component, &facts);
                }
                (component, Origin::Compiled)
            }
        };
        Self::ready(engine, runtime, found, &facts, file, begin).map(|guest| (guest, facts))
    }

    /// Links what was found, so that an exchange only instantiates.
    fn ready(
        engine: &Engine,
        runtime: &Runtime,
        (component, origin): (Component, Origin),
        facts: &Facts,
        file: &Path,
        begin: Instant,
    ) -> Result<Self, LoadError> {
        let (world, imports) = facts.examine(engine.config(), file)?;
        // Now and not at the first request, when all descriptors may be in use.
        component
            .initialize_copy_on_write_image()
            .map_err(|reason| LoadError::DoesNotFit { file: file.into(), reason })?;
        let took = begin.elapsed();

        let kind =
            link(runtime, &component, world).map_err(|reason| LoadError::DoesNotFit { file: file.into(), reason })?;
        Ok(Self {
            file: file.into(),
            engine: engine.clone(),
            runtime: runtime.engine.clone(),
            ticker: Arc::clone(&runtime.ticker),
            kind,
            needs: imports.features,
            footprint: facts.footprint,
            has_current_exchange: imports.has_current_exchange,
            answers_once: facts.answers_once,
            digest: facts.digest.clone(),
            origin,
            took,
        })
    }

    /// The file of the component.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The world that it was written for.
    pub fn world(&self) -> World {
        match self.kind {
            Kind::Application(_) => World::Application,
            Kind::WasiHttp(_) => World::WasiHttp,
            Kind::WasiHttp3(_) => World::WasiHttp3,
        }
    }

    /// The features that it imports. Without one of them it cannot run.
    pub fn needs(&self) -> &[Feature] {
        &self.needs
    }

    /// Refuses a guest that needs a feature which its server does not offer.
    pub fn require(&self, offers: impl Fn(Feature) -> bool) -> Result<(), LoadError> {
        match self.needs.iter().find(|feature| !offers(**feature)) {
            None => Ok(()),
            Some(feature) => Err(LoadError::FeatureAbsent { file: self.file.clone(), feature: feature.name() }),
        }
    }

    /// Refuses a guest whose instances need more initial memory than these limits allow.
    pub fn require_room(&self, limits: &SandboxLimits) -> Result<(), LoadError> {
        self.footprint.check_limits(limits, &self.file)
    }

    /// The BLAKE3 digest of its binary, in hexadecimal digits.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The origin of its machine code.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How long it took to compile or load the machine code.
    pub fn took(&self) -> Duration {
        self.took
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The engine of wasmtime that it was compiled for.
    pub(crate) fn runtime(&self) -> &wasmtime::Engine {
        &self.runtime
    }

    /// What interrupts it.
    pub(crate) fn ticker(&self) -> &Arc<Ticker> {
        &self.ticker
    }

    /// Whether it can ask Windhover about *the* exchange that it is in.
    pub(crate) fn has_current_exchange(&self) -> bool {
        self.has_current_exchange
    }

    /// Whether its engine answers only once, so that no instance can be reused.
    pub(crate) fn answers_once(&self) -> bool {
        self.answers_once
    }

    /// Whether one instance may answer several exchanges at once: it can, and does not ask about *the* exchange.
    pub(crate) fn can_answer_concurrently(&self) -> bool {
        matches!(self.kind, Kind::WasiHttp3(_)) && !self.has_current_exchange
    }
}

/// The machine code that came with a component, unless it is not to be used, and then the log says why.
fn precompiled(engine: &wasmtime::Engine, compiled: &Compiled, file: &Path) -> Option<Component> {
    let code = compiled.code().map_err(|reason| format!("{reason}; make it writable for its owner only"));
    let loaded = code.and_then(|code| {
        precompiled::load(engine, &code)
            .map_err(|reason| format!("{reason:#}; run `windhover compile` again, or for this machine's --target"))
    });
    let file = file.display();
    loaded.inspect_err(|why| warn!("compiling {file} again, because its machine code cannot be used: {why}")).ok()
}

fn link(runtime: &Runtime, component: &Component, world: World) -> wasmtime::Result<Kind> {
    let linked = runtime.linker.instantiate_pre(component)?;
    Ok(match world {
        World::Application => Kind::Application(ApplicationPre::new(linked)?),
        World::WasiHttp => Kind::WasiHttp(WasiHttpPre::new(linked)?),
        World::WasiHttp3 => Kind::WasiHttp3(ServicePre::new(linked)?),
    })
}
