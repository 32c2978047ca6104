//! Writes content before anybody reads it: `/` more than is held, before its outparam is set; `/request/AUTHORITY` the same
//! of a request before it is sent; `/patient` waits for room and for a timer, then sets its outparam and writes the rest.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingRequest, OutgoingResponse, ResponseOutparam};
use wasip2::io::poll::poll;
use wasip2::io::streams::OutputStream;

struct WasiWritesEarly;

impl wasip2::exports::http::incoming_handler::Guest for WasiWritesEarly {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().expect("the request has a path");
        if path == "/request" {
            let request = OutgoingRequest::new(Fields::new());
            let body = request.body().expect("the body is taken once");
            write(&body.write().expect("the stream is taken once"), SIZE);
            let _ = outgoing_handler::handle(request, None);
        }
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        let stream = body.write().expect("the stream is taken once");
        if path == "/patient" {
            let mut written = 0;
            while stream.check_write().expect("nobody closes it") > 0 {
                stream.write(&[b'x'; PIECE]).expect("there is room");
                written += PIECE;
            }
            let ready = poll(&[&stream.subscribe(), &subscribe_duration(1_000_000)]);
            assert_eq!(ready, [1], "only the timer comes");
            ResponseOutparam::set(outparam, Ok(response));
            write(&stream, SIZE - written);
        } else {
            write(&stream, SIZE);
            ResponseOutparam::set(outparam, Ok(response));
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

fn write(stream: &OutputStream, size: usize) {
    for _ in 0..size / PIECE {
        stream.blocking_write_and_flush(&[b'x'; PIECE]).expect("nobody closes it");
    }
}

const PIECE: usize = 4096;
const SIZE: usize = 1024 * PIECE;

wasip2::http::proxy::export!(WasiWritesEarly);
