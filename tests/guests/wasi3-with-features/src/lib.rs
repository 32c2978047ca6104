//! Asks Windhover for the path of the exchange that it is in, before and after its content has ended, and answers with
//! both and with how many requests this instance has had. `/log` prints far too much first.

mod windhover {
    wit_bindgen::generate!({
        inline: "package test:features; world features { import windhover:http/request@0.1.0; }",
        path: "../../../wit",
        generate_all,
    });
}

use std::sync::atomic::{AtomicU32, Ordering};

use wasip3::http::types::{ErrorCode, Fields, Request, Response};
use wasip3::wit_bindgen::StreamResult;
use wasip3::{wit_future, wit_stream};
use windhover::windhover::http::request::path;

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct Wasi3WithFeatures;

wasip3::http::service::export!(Wasi3WithFeatures);

impl wasip3::exports::http::handler::Guest for Wasi3WithFeatures {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        let before = path();
        if before == "/log" {
            println!("{}", "a line that is far too long\n".repeat(4096));
        }
        let (_, fine) = wit_future::new(|| Ok(()));
        let (mut source, _trailers) = Request::consume_body(request, fine);
        while !matches!(source.read(Vec::with_capacity(1024)).await.0, StreamResult::Dropped) {}
        let text = format!("{before} {} {count}\n", path());
        let (mut writer, content) = wit_stream::new();
        let (_, no_trailers) = wit_future::new(|| Ok(None));
        wasip3::wit_bindgen::spawn_local(async move { writer.write_all(text.into_bytes()).await });
        Ok(Response::new(Fields::new(), Some(content), no_trailers).0)
    }
}
