//! A standard `wasi:http` component that also asks Windhover what `wasi:http` cannot tell: who is at the other end,
//! what the server is bound to, the path base. `/both` reads its content by Windhover after `wasi:http` has it.

mod features {
    wit_bindgen::generate!({
        inline: "
            package windhover:tests;
            world features {
                include windhover:http/features@0.1.0;
            }
        ",
        path: "../../../wit",
        world: "windhover:tests/features",
        generate_all,
    });
}

use features::windhover::http::{connection, request, server_addresses};
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct WasiWithFeatures;

impl wasip2::exports::http::incoming_handler::Guest for WasiWithFeatures {
    fn handle(incoming: IncomingRequest, outparam: ResponseOutparam) {
        let text = if request::path() == "/both" {
            format!("{:?}\n", request::read(0).map_err(|error| error.name()))
        } else {
            let remote = connection::current().remote.map(|remote| remote.address);
            let addresses = server_addresses::addresses().len();
            format!("{} {} from {remote:?} to {addresses} address\n", request::method(), request::raw_target())
        };
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("the body is taken once");
        ResponseOutparam::set(outparam, Ok(response));
        let stream = body.write().expect("the stream is taken once");
        stream.blocking_write_and_flush(text.as_bytes()).expect("the client reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("no length was promised");
        drop(incoming);
    }
}

wasip2::http::proxy::export!(WasiWithFeatures);
