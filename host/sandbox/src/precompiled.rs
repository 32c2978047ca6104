//! The one file of unsafe code in this crate: it runs machine code that somebody compiled before.

#![expect(unsafe_code, reason = "wasmtime cannot check machine code; whoever calls it must know where it comes from")]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::cache::Entry;

/// The component whose machine code this is. Fails if it was compiled for other settings, or another wasmtime.
pub(crate) fn load(engine: &Engine, code: &Entry) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks that the bytes come unmodified from wasmtime's own serializer. An `Entry` is made in
    // one place: from a file whose owner and permissions, like those of its folder, were checked on open descriptors,
    // so that only this user can have written it, and whose digest matches, so that it is what `Cache::put` wrote: the
    // output of that serializer.
    unsafe { Component::deserialize(engine, code.content()) }
}
