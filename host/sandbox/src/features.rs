//! The interfaces of `wit/`, one file each, written against the current exchange and nothing else.

mod connection;
mod request;
mod response;
mod server_addresses;

use wasmtime::component::{HasData, Linker};
use windhover_contract::Feature;

use crate::bindings;
use crate::exchange::Exchange;
use crate::state::State;

/// Links every interface of `wit/`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::request::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::response::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::connection::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::server_addresses::add_to_linker::<_, Current>(linker, State::exchange)
}

/// A guest met a server that lacks what it needs. Composition roots ask [`crate::Guest::require`] first, so that this is
/// a refusal at start and not a trap at the first request.
fn absent(feature: Feature) -> wasmtime::Error {
    wasmtime::format_err!("this server does not offer windhover:http/{}", feature.name())
}

/// Names the current exchange as what host functions work on.
struct Current;

impl HasData for Current {
    type Data<'a> = &'a mut Exchange;
}
