//! The same as `uses-features`, as a `wasi:http` 0.2 component, which answers through Windhover all the same.

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

use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct UsesFeatures;

impl wasip2::exports::http::incoming_handler::Guest for UsesFeatures {
    fn handle(_: IncomingRequest, _: ResponseOutparam) {
        act::act();
    }
}

wasip2::http::proxy::export!(UsesFeatures);
