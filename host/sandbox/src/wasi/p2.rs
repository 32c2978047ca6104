//! `wasi:http` 0.2, optimized for guests that answer at once: no task, no channel, and the content of an answer that is
//! complete when its guest ends is sent in one piece. wasmtime implements the rest of WASI 0.2.

mod answer;
pub(crate) mod bindings;
mod content;
mod error;
mod fields;
pub(crate) mod handler;
mod incoming;
pub(crate) mod messages;
mod outgoing;

use wasmtime::component::{HasSelf, Linker};

use crate::store::state::State;

/// Links `wasi:http` 0.2.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let stable = bindings::types::LinkOptions::default();
    bindings::types::add_to_linker::<_, HasSelf<State>>(linker, &stable, |state| state)?;
    bindings::outgoing_handler::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}
