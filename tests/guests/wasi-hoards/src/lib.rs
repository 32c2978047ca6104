//! wasi:http: the same as `hoards`; `/leaks` gives its content back in small pieces, and keeps a pollable for each, as some
//! engines do.

#[path = "../../hoards/src/hoard.rs"]
mod hoard;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct WasiHoards;

impl wasip2::exports::http::incoming_handler::Guest for WasiHoards {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().expect("the request has a path");
        let text = if path == "/leaks" { None } else { Some(hoard::hoard(&path)) };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        match text {
            Some(text) => stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads"),
            None => {
                let content = request.consume().expect("the content is taken once");
                let source = content.stream().expect("the stream is taken once");
                loop {
                    let readable = source.subscribe();
                    readable.block();
                    std::mem::forget(readable);
                    let Ok(piece) = source.read(PIECE) else { break };
                    stream.blocking_write_and_flush(&piece).expect("the client reads");
                }
                std::mem::forget((source, content)); // they must not go before their pollables
            }
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

/// As much as one call of `blocking-write-and-flush` takes.
const PIECE: u64 = 4096;

wasip2::http::proxy::export!(WasiHoards);
