//! The WIT of `wit/` as Rust, and nothing else. Pure getters are synchronous. Functions that may wait suspend the
//! guest. Functions trap if their feature is absent or the client is gone.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "windhover:http/application",
        imports: {
            "windhover:http/request.read": async | trappable,
            "windhover:http/request.read-all": async | trappable,
            "windhover:http/response.send": async | trappable,
            "windhover:http/response.start": trappable,
            "windhover:http/response.write": async | trappable,
            "windhover:http/response.flush": async | trappable,
            "windhover:http/informational.send": async | trappable,
            "windhover:http/send-file.send": async | trappable,
            "windhover:http/send-file.stat": async | trappable,
            "windhover:http/connection.current": trappable,
            "windhover:http/connection.route": trappable,
            "windhover:http/identifier.request-id": trappable,
            "windhover:http/lifetime.wait": async | trappable,
            "windhover:http/lifetime.wait-for-notice": async | trappable,
            "windhover:http/lifetime.abort": trappable,
            "windhover:http/reset.reset": trappable,
            "windhover:http/limits.max-request-body-size": trappable,
            "windhover:http/limits.set-max-request-body-size": trappable,
            "windhover:http/limits.min-request-data-rate": trappable,
            "windhover:http/limits.set-min-request-data-rate": trappable,
            "windhover:http/limits.min-response-data-rate": trappable,
            "windhover:http/limits.set-min-response-data-rate": trappable,
            "windhover:http/upgrade.accept": trappable,
            "windhover:http/upgrade.read": async | trappable,
            "windhover:http/upgrade.write": async | trappable,
            "windhover:http/websocket.accept": trappable,
            "windhover:http/websocket.receive": async | trappable,
            "windhover:http/websocket.send-text": async | trappable,
            "windhover:http/websocket.send-binary": async | trappable,
            "windhover:http/websocket.close": async | trappable,
            "windhover:http/server-addresses.addresses": trappable,
            "windhover:http/server-variables.get": trappable,
        },
        exports: { default: async },
    });
}

pub(crate) use generated::windhover::http::{
    authentication, connection, identifier, informational, lifetime, limits, request, reset, response, send_file,
    server_addresses, server_variables, telemetry, tls, upgrade, websocket,
};
pub(crate) use generated::{Application, ApplicationPre};
