//! Returns without having set its outparam.

use wasip2::http::types::{IncomingRequest, ResponseOutparam};

struct WasiSilent;

impl wasip2::exports::http::incoming_handler::Guest for WasiSilent {
    fn handle(_request: IncomingRequest, _outparam: ResponseOutparam) {}
}

wasip2::http::proxy::export!(WasiSilent);
