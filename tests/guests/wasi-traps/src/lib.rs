//! Panics: `/` before its outparam is set, `/late` after the head and one chunk, `/unfinished` returns with a body
//! that it never finished, `/left` returns and neither finishes nor drops it, `/finished` panics after all is finished.
//! `/exits` exits well after a whole answer, `/exits-at-once` before one. `/once` answers the first request of its
//! instance and panics at the next.

use std::sync::atomic::{AtomicBool, Ordering};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

static HAS_ANSWERED: AtomicBool = AtomicBool::new(false);

struct WasiTraps;

impl wasip2::exports::http::incoming_handler::Guest for WasiTraps {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().expect("the request has a path");
        if path == "/once" && !HAS_ANSWERED.swap(true, Ordering::Relaxed) {
            return once(outparam);
        }
        if path == "/exits-at-once" {
            std::process::exit(0);
        }
        if path != "/" && path != "/once" {
            let response = OutgoingResponse::new(Fields::new());
            let body = response.body().expect("the body is taken once");
            ResponseOutparam::set(outparam, Ok(response));
            let stream = body.write().expect("the stream is taken once");
            let content = if path == "/exits" { b"all of it\n".as_slice() } else { b"the first chunk\n" };
            stream.blocking_write_and_flush(content).expect("the client reads");
            drop(stream);
            match path.as_str() {
                "/unfinished" => return drop(body), // wasi:http: dropped without `finish` is an incomplete message
                "/left" => return std::mem::forget(body),
                "/exits" => {
                    OutgoingBody::finish(body, None).expect("no length was promised");
                    std::process::exit(0);
                }
                "/finished" => OutgoingBody::finish(body, None).expect("no length was promised"),
                _ => {}
            }
        }
        panic!("a secret of the guest");
    }
}

fn once(outparam: ResponseOutparam) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    stream.blocking_write_and_flush(b"1\n").expect("the client reads");
    drop(stream);
    OutgoingBody::finish(body, None).expect("no length was promised");
}

wasip2::http::proxy::export!(WasiTraps);
