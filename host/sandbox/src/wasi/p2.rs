//! `wasi:http` 0.2, written for guests that answer at once: what they do costs no task and no channel, and the content
//! of an answer that is whole when its guest ends leaves in one piece. The rest of WASI 0.2 is wasmtime's.

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
