//! The one file of unsafe code in this crate: it runs machine code that somebody compiled before.

#![expect(unsafe_code, reason = "wasmtime cannot check machine code; whoever calls it must know where it comes from")]

use wasmtime::Engine;
use wasmtime::component::Component;

/// Machine code that this user's Windhover wrote and nobody changed: what [`crate::cache`] has verified.
pub(crate) struct Trusted<'a>(&'a [u8]);

impl<'a> Trusted<'a> {
    /// Vouches for `code`. Whoever calls this has checked that only this user could write the file that `code` was
    /// read from, and that its digest is the one it was written with.
    pub(crate) fn vouch(code: &'a [u8]) -> Self {
        Self(code)
    }
}

/// The component whose machine code this is. Fails if it was compiled for other settings, or another wasmtime.
pub(crate) fn load(engine: &Engine, code: Trusted<'_>) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks that the bytes come unmodified from wasmtime's own serializer. `Trusted` is made in one
    // place, which has checked the owner and the permissions of the file and of its folder on open descriptors, so no
    // other user can have written it, and has compared the digest that was stored with it, so it is what was written.
    unsafe { Component::deserialize(engine, code.0) }
}
