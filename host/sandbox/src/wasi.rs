//! WASI 0.2 for every guest: linked in full, because runtimes import far more than they use, and granted nothing. Its
//! `wasi:http` is ours, in `p2`; what 0.3 adds is in `p3`.

mod content;
#[expect(unreachable_pub, reason = "bindgen re-exports what implements a resource as `pub`")]
pub(crate) mod p2;
pub(crate) mod p3;
pub(crate) mod request;

use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi_config::WasiConfig;

use crate::store::state::State;

/// Links `wasi:cli`, `clocks`, `filesystem`, `http`, `io`, `random` and `sockets` 0.2, and `wasi:config` 0.2.0-rc.1.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    // Once more: open files are counted.
    linker.allow_shadowing(true);
    wasmtime_wasi::p2::bindings::filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, State::files)?;
    linker.allow_shadowing(false);
    p2::add_to_linker(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, |state| WasiConfig::from(&state.app().grants.config))
}
