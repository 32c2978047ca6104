//! The WIT of wasi:http 0.2 as Rust, and nothing else. Types that it shares with the rest of WASI are wasmtime's.

mod generated {
    wasmtime::component::bindgen!({
        path: [
            "../../guest-examples/wit/wasi-http-0.2/io.wit",
            "../../guest-examples/wit/wasi-http-0.2/clocks.wit",
            "../../guest-examples/wit/wasi-http-0.2/http.wit",
        ],
        inline: "
            package windhover:host;

            world wasi-http {
                import wasi:http/outgoing-handler@0.2.10;
                export wasi:http/incoming-handler@0.2.10;
            }
        ",
        world: "windhover:host/wasi-http",
        imports: { default: trappable },
        exports: { default: async },
        require_store_data_send: true,
        with: {
            "wasi:io": wasmtime_wasi::p2::bindings::io,
            "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
            "wasi:http/types.fields": wasmtime_wasi_http::FieldMap,
            "wasi:http/types.request-options": wasmtime_wasi_http::RequestOptions,
            "wasi:http/types.incoming-request": crate::wasi::p2::messages::IncomingRequest,
            "wasi:http/types.incoming-body": crate::wasi::p2::content::IncomingBody,
            "wasi:http/types.future-trailers": crate::wasi::p2::content::FutureTrailers,
            "wasi:http/types.response-outparam": crate::wasi::p2::messages::ResponseOutparam,
            "wasi:http/types.outgoing-response": crate::wasi::p2::messages::OutgoingResponse,
            "wasi:http/types.outgoing-body": crate::answer::pipe::OutgoingBody,
            "wasi:http/types.outgoing-request": crate::wasi::p2::messages::OutgoingRequest,
            "wasi:http/types.future-incoming-response": crate::wasi::p2::messages::FutureResponse,
            "wasi:http/types.incoming-response": crate::wasi::p2::messages::IncomingResponse,
        },
    });
}

pub(crate) use generated::wasi::http::{outgoing_handler, types};
pub(crate) use generated::{WasiHttp, WasiHttpPre};
