//! Takes its time: `/never` does not answer for an hour; `/sum` answers when it has all content, with its length;
//! `/ticks` writes five pieces, one each 60 ms; `/silent` writes a piece and then nothing for an hour; `/works` answers
//! with a piece and works on for an hour; `/large` writes 8 MiB.

use wasip2::clocks::monotonic_clock::subscribe_duration;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct WasiWaits;

impl wasip2::exports::http::incoming_handler::Guest for WasiWaits {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().expect("the request has a path");
        let mut sum = 0;
        match path.as_str() {
            "/never" => wait(HOUR),
            "/sum" => {
                let content = request.consume().expect("it is taken once");
                let stream = content.stream().expect("it is taken once");
                while let Ok(piece) = stream.blocking_read(65_536) {
                    sum += piece.len();
                }
            }
            _ => {}
        }
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        let write = |piece: &[u8]| stream.blocking_write_and_flush(piece).expect("the client reads");
        match path.as_str() {
            "/sum" => write(format!("{sum}\n").as_bytes()),
            "/ticks" => {
                for _ in 0..5 {
                    wait(TICK);
                    write(b"tick\n");
                }
            }
            "/silent" => {
                write(b"begun\n");
                wait(HOUR);
            }
            "/large" => {
                for _ in 0..2048 {
                    write(&[b'x'; 4096]);
                }
            }
            _ => write(b"done\n"),
        }
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
        if path == "/works" {
            wait(HOUR);
        }
    }
}

fn wait(nanoseconds: u64) {
    subscribe_duration(nanoseconds).block();
}

const TICK: u64 = 60_000_000;

/// Far longer than any time that a test gives to a guest.
const HOUR: u64 = 3_600_000_000_000;

wasip2::http::proxy::export!(WasiWaits);
