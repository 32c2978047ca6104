//! Calls what `wasi:http/types` has, as the path says, and answers with what each call said.

mod content;
mod fields;
mod requests;
mod responses;

use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct WasiTypes;

impl wasip2::exports::http::incoming_handler::Guest for WasiTypes {
    fn handle(request: IncomingRequest, outparam: ResponseOutparam) {
        let path = request.path_with_query().unwrap_or_default();
        let text = match path.as_str() {
            "/fields" => fields::tell(&request),
            "/requests" => requests::tell(),
            "/responses" => responses::tell(),
            "/content" => content::tell(&request),
            "/skipped" => content::skip(&request),
            "/early" => return responses::write_early(outparam),
            "/ahead" => return responses::write_ahead(outparam),
            "/nothing" => return responses::promise_and_give_nothing(outparam),
            path => match path[1..].split_once('/') {
                Some(("breaks-off", authority)) => requests::break_off(authority),
                Some(("promised", status)) => return responses::promise(outparam, status.parse().unwrap()),
                _ => "what?".to_owned(),
            },
        };
        answer(outparam, text.as_bytes());
    }
}

/// Answers in pieces of what one call may write.
fn answer(outparam: ResponseOutparam, content: &[u8]) {
    let response = OutgoingResponse::new(Fields::new());
    let body = response.body().expect("the body is taken once");
    ResponseOutparam::set(outparam, Ok(response));
    let stream = body.write().expect("the stream is taken once");
    for piece in content.chunks(4096) {
        stream.blocking_write_and_flush(piece).expect("the client reads");
    }
    drop(stream);
    OutgoingBody::finish(body, None).expect("no length was promised");
}

wasip2::http::proxy::export!(WasiTypes);
