//! Features that a server may lack.

use windhover_contract::Feature;

/// The feature, if the server offers it. Composition roots ask [`crate::Guest::require`] first, so that a server without
/// it refuses the guest when it starts, and no request traps.
pub(super) fn offered<T>(own: Option<T>, feature: Feature) -> wasmtime::Result<T> {
    own.ok_or_else(|| wasmtime::format_err!("this server does not offer windhover:http/{}", feature.name()))
}
