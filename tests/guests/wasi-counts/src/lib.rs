//! Counts its requests in a global and answers with the count: in an instance of one's own it is always 1. `/fields`
//! answers with the names of the fields that it was given; `/keeps` counts, and keeps its request for ever; `/once`
//! counts where that gives 1, returns without an answer where it gives 2, and panics then; `/silent` never answers.

use std::sync::atomic::{AtomicU32, Ordering};

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

static REQUESTS: AtomicU32 = AtomicU32::new(0);

struct WasiCounts;

impl wasip2::exports::http::incoming_handler::Guest for WasiCounts {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let count = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
        match (request.path_with_query().as_deref(), count) {
            (Some("/once"), 2) | (Some("/silent"), _) => return,
            (Some("/once"), 3..) => panic!("it answers once"),
            _ => {}
        }
        let text = if request.path_with_query().as_deref() == Some("/fields") {
            let mut names: Vec<_> = request.headers().entries().into_iter().map(|(name, _)| name).collect();
            names.sort();
            names.join(" ")
        } else {
            format!("{count}\n")
        };
        if request.path_with_query().as_deref() == Some("/keeps") {
            std::mem::forget(request);
        }
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
    }
}

wasip2::http::proxy::export!(WasiCounts);
