//! The same as `uses-features`, as a `wasi:http` 0.3 component, which answers through Windhover all the same.

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

use wasip3::http::types::{ErrorCode, Request, Response};

struct UsesFeatures;

wasip3::http::service::export!(UsesFeatures);

impl wasip3::exports::http::handler::Guest for UsesFeatures {
    async fn handle(_: Request) -> Result<Response, ErrorCode> {
        act::act();
        // It has answered: what it must return all the same is not sent.
        Err(ErrorCode::InternalError(None))
    }
}
