//! WASI 0.2 for every guest. All of it is linked, because runtimes import far more than they use, and nothing is
//! granted. `p2` has our own `wasi:http` 0.2; `p3` has what WASI 0.3 adds.

mod content;
#[expect(unreachable_pub, reason = "bindgen re-exports what implements a resource as `pub`")]
pub(crate) mod p2;
pub(crate) mod p3;
pub(crate) mod request;

use wasmtime::component::Linker;

use crate::store::state::State;

/// Links `wasi:cli`, `clocks`, `filesystem`, `http`, `io`, `random` and `sockets` 0.2.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    p2::add_to_linker(linker)
}
