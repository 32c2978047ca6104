//! Loads machine code that was compiled before. A file of unsafe code.

#![expect(unsafe_code, reason = "wasmtime cannot check machine code; the caller must know its origin")]

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::component::code::Code;

/// The component whose machine code this is. Fails if it was compiled for other settings, or another wasmtime.
pub(crate) fn load(engine: &Engine, code: &Code<'_>) -> wasmtime::Result<Component> {
    // SAFETY: both ask that the bytes come unmodified from wasmtime's own serializer. `Code` is made of a file whose
    // owner and permissions were checked on its open descriptor, so that only this user, or the superuser, can have
    // written it, and whose digest matches, so that it is what was written. What writes such files is `Cache::put` and
    // `compile`: the output of that serializer, and behind it at most a digest, which no header leads to. The first asks
    // too that the file does not change as long as the component is there: an image is sealed against that, or is a
    // file of the cache's private folder, where files are replaced by others and never written to.
    let mapped = code.image().path().map(|path| unsafe { Component::deserialize_file(engine, path) });
    if let Some(Ok(component)) = mapped {
        return Ok(component);
    }
    // A system may forbid to run what is mapped from such a file.
    let bytes = code.image().bytes()?;
    // SAFETY: as above.
    unsafe { Component::deserialize(engine, bytes) }
}
