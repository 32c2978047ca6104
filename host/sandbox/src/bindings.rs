//! The WIT of `wit/` as Rust, and nothing else. Pure getters are synchronous; what can wait suspends the guest.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "windhover:http/application",
        imports: {
            "windhover:http/request.read": async,
            "windhover:http/request.read-all": async,
            "windhover:http/response.write": async,
            "windhover:http/response.flush": async,
            // Asked of a server that lacks the feature, they trap: see Guest::require.
            "windhover:http/connection.current": trappable,
            "windhover:http/server-addresses.addresses": trappable,
        },
        exports: { default: async },
    });
}

pub(crate) use generated::ApplicationPre;
pub(crate) use generated::windhover::http::{connection, request, response, server_addresses};
