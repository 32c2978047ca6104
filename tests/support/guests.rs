//! Guests by name: those of `tests/guests` and of `guest-examples`, as `just guests` has built them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use windhover_sandbox::{Cache, Engine, EngineConfig, Guest, Part, compose};

/// The guest with this name, compiled: by the process' one engine, or taken from the cache of an earlier run.
pub fn guest(name: &str) -> Guest {
    guest_of(engine(), name)
}

/// The guest with this name, compiled by an engine of the test's own.
pub fn guest_of(engine: &Engine, name: &str) -> Guest {
    Guest::load(engine, &guest_file(name), cache()).unwrap_or_else(|error| panic!("guest {name}: {error}"))
}

/// The guest with this name behind others, the outermost first: as one component, compiled.
pub fn guest_behind(name: &str, middleware: &[&str]) -> Guest {
    let read = |name: &&str| {
        let file = guest_file(name);
        let bytes = std::fs::read(&file).unwrap_or_else(|error| panic!("guest {name}: {error}"));
        (file, bytes)
    };
    let files: Vec<_> = middleware.iter().chain([&name]).map(read).collect();
    let parts: Vec<_> = files.iter().map(|(file, bytes)| Part { file, bytes }).collect();
    let (app, middleware) = parts.split_last().expect("the app is one of them");
    let whole = compose(*app, middleware).unwrap_or_else(|error| panic!("guest {name}: {error}"));
    Guest::from_bytes(engine(), &whole.bytes, app.file, cache()).unwrap_or_else(|error| panic!("guest {name}: {error}"))
}

/// The file of the guest with this name.
pub fn guest_file(name: &str) -> PathBuf {
    let folder = match std::env::var_os("WINDHOVER_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => target().join("guests/wasm32-wasip2/release"),
    };
    let file = folder.join(name.replace('-', "_")).with_extension("wasm");
    assert!(file.is_file(), "guest {name} is not built: run `just guests` (there is no {})", file.display());
    file
}

/// The engine that all guests of a test process share, as those of a host do.
pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| engine_with(|_| {}))
}

/// An engine of the test's own, for limits that belong to the process.
pub fn engine_with(change: impl FnOnce(&mut EngineConfig)) -> Engine {
    // Small, because tests run many processes at once; large enough for two tests that each open fifty streams, because
    // `cargo test` runs all in one.
    let mut config = EngineConfig { max_instances: 128, max_components: 3, ..EngineConfig::default() };
    change(&mut config);
    Engine::new(&config).expect("this machine can run guests")
}

fn cache() -> Option<&'static Cache> {
    static CACHE: OnceLock<Cache> = OnceLock::new();
    Some(
        CACHE.get_or_init(|| {
            Cache::at(&target().join("guests/cache")).expect("the target folder is ours alone to write")
        }),
    )
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target")
}
