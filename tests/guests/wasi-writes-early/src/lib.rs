//! Writes content before its outparam is set: nobody reads it until then, so it waits for ever.

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct WasiWritesEarly;

impl wasip2::exports::http::incoming_handler::Guest for WasiWritesEarly {
    fn handle(_: IncomingRequest, outparam: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        let stream = body.write().expect("the stream is taken once");
        for _ in 0..1024 {
            stream.blocking_write_and_flush(&[b'x'; 4096]).expect("nobody closes it");
        }
        drop(stream);
        ResponseOutparam::set(outparam, Ok(response));
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

wasip2::http::proxy::export!(WasiWritesEarly);
