//! Hands the host an error code in place of a response.

use wasip2::http::types::{ErrorCode, IncomingRequest, ResponseOutparam};

struct WasiErrors;

impl wasip2::exports::http::incoming_handler::Guest for WasiErrors {
    fn handle(_request: IncomingRequest, outparam: ResponseOutparam) {
        ResponseOutparam::set(outparam, Err(ErrorCode::InternalError(Some("a secret of the guest".into()))));
    }
}

wasip2::http::proxy::export!(WasiErrors);
