//! The same as `uses-features`, as a `wasi:http` 0.2 component, which answers through Windhover all the same. `/twice` and
//! `/twice-the-other-way` answer through both.

wit_bindgen::generate!({
    inline: "
        package windhover:tests;
        world features {
            include windhover:http/features@0.1.0;
        }
    ",
    path: "../../../wit",
    world: "windhover:tests/features",
    generate_all,
});

#[path = "../../uses-features/src/act/mod.rs"]
mod act;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct UsesFeatures;

impl wasip2::exports::http::incoming_handler::Guest for UsesFeatures {
    fn handle(_: IncomingRequest, outparam: ResponseOutparam) {
        match windhover::http::request::path().as_str() {
            // The first answer counts.
            "/twice" => {
                windhover::http::response::send(200, &[], b"the first\n").unwrap();
                ResponseOutparam::set(outparam, Ok(OutgoingResponse::new(Fields::new())));
            }
            "/twice-the-other-way" => {
                let response = OutgoingResponse::new(Fields::new());
                let body = response.body().unwrap();
                ResponseOutparam::set(outparam, Ok(response));
                let late = windhover::http::response::send(200, &[], b"the second\n");
                body.write().unwrap().blocking_write_and_flush(format!("{late:?}\n").as_bytes()).unwrap();
                OutgoingBody::finish(body, None).unwrap();
            }
            _ => act::act(),
        }
    }
}

wasip2::http::proxy::export!(UsesFeatures);
