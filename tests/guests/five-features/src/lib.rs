//! Uses five features in one request and then answers as `rust-hello` does: what a feature costs is the difference.

wit_bindgen::generate!({ path: "../../../wit", world: "application" });

use std::hint::black_box;

use windhover::http::{connection, identifier, lifetime, limits, response, tls};

struct FiveFeatures;

impl Guest for FiveFeatures {
    fn handle() {
        black_box((
            connection::current(),
            identifier::request_id(),
            lifetime::is_aborted(),
            limits::max_request_body_size(),
            tls::current(),
        ));
        let fields = [("content-type".into(), "text/plain; charset=utf-8".into())];
        response::send(200, &fields, b"Hello from WebAssembly!\n").unwrap();
    }
}

export!(FiveFeatures);
