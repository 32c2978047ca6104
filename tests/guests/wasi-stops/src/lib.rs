//! Middleware of wasi:http 0.2: stops what goes to `/stop` with a 403, and lets everything else through. Built against
//! another patch version of wasi:http than the apps behind it.

wit_bindgen::generate!({
    inline: "
        package windhover:tests;

        world middleware {
            import wasi:http/types@0.2.10;
            import wasi:http/incoming-handler@0.2.10;
            export wasi:http/incoming-handler@0.2.10;
        }
    ",
    path: "../../../guest-examples/js-wasi-http/wit",
    world: "windhover:tests/middleware",
    generate_all,
});

use exports::wasi::http::incoming_handler::{Guest, IncomingRequest, ResponseOutparam};
use wasi::http::incoming_handler;
use wasi::http::types::{Fields, OutgoingResponse};

struct WasiStops;

impl Guest for WasiStops {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        if request.path_with_query().as_deref() != Some("/stop") {
            return incoming_handler::handle(request, out);
        }
        let response = OutgoingResponse::new(Fields::new());
        response.set_status_code(403).expect("it is a status");
        ResponseOutparam::set(out, Ok(response));
    }
}

export!(WasiStops);
