//! WASI 0.2 for every guest: linked in full, because runtimes import far more than they use, and granted nothing. What
//! 0.3 adds is in `p3`.

mod content;
pub(crate) mod p3;
mod request;

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use http::header::HOST;
use http::{HeaderValue, Request};
use http_body::Body;
use tracing::warn;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_config::WasiConfig;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::types::{HostIncomingRequest, HostOutgoingResponse, HostResponseOutparam};
use wasmtime_wasi_http::{WasiBody, WasiHttpView};
use windhover_contract::{ClientFault, Fault, GuestFault};

use crate::answer::{Content, Head};
use crate::exchange::Exchange;
use crate::state::State;

/// Links `wasi:cli`, `clocks`, `filesystem`, `http`, `io`, `random` and `sockets` 0.2, and `wasi:config` 0.2.0-rc.1.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    wasmtime_wasi_config::add_to_linker(linker, |state| WasiConfig::from(&state.deployed().grants.config))
}

/// The current exchange as the two resources that `wasi:http/incoming-handler` takes.
pub(crate) fn resources(
    state: &mut State,
) -> wasmtime::Result<(Resource<HostIncomingRequest>, Resource<HostResponseOutparam>)> {
    let (scheme, request) = incoming(state.exchange());
    let request = state.http().new_incoming_request(scheme, request)?;
    let answer = Arc::clone(&state.exchange().answer);
    let (app, id) = (Arc::clone(&state.deployed().name), state.log_id());
    let outparam = state.http().new_response_outparam_from_callback(move |response| {
        let head = match response {
            Ok(response) if response.status().is_informational() => {
                warn!(%app, %id, status = %response.status(), "the guest answered with an interim status");
                Err(GuestFault::Reported.into())
            }
            Ok(response) => {
                let (head, body) = response.into_parts();
                Ok(Head { status: head.status, fields: head.headers, content: Content::Stream(body) })
            }
            Err(code) => {
                warn!(%app, %id, ?code, "the guest answered with an error code");
                Err(fault(&code))
            }
        };
        if !answer.begin(head) {
            warn!(%app, %id, "the guest set its response-outparam after it had answered through windhover:http");
        }
    })?;
    Ok((request, outparam))
}

fn incoming(exchange: &mut Exchange) -> (Scheme, Request<WasiBody>) {
    let mut request = Request::new(request::content(exchange));
    *request.method_mut() = exchange.method.clone();
    *request.uri_mut() = exchange.target.uri().clone();
    *request.version_mut() = exchange.version;
    *request.headers_mut() = request::fields(exchange);
    if exchange.target.authority().is_none() {
        let authority = HeaderValue::from_str(request::authority(exchange).as_str());
        request.headers_mut().insert(HOST, authority.expect("an authority is visible ASCII"));
    }
    let scheme = match exchange.target.scheme() {
        windhover_contract::Scheme::Http => Scheme::Http,
        windhover_contract::Scheme::Https => Scheme::Https,
    };
    (scheme, request)
}

/// Whether this is a response that has content and was not given to the outparam yet.
pub(crate) fn is_written_early(resource: &mut (dyn Any + Send)) -> bool {
    let Some(response) = resource.downcast_mut::<HostOutgoingResponse>() else { return false };
    let Some(content) = &mut response.body else { return false };
    let mut cx = Context::from_waker(Waker::noop());
    matches!(Pin::new(content).poll_frame(&mut cx), Poll::Ready(Some(Ok(_))))
}

/// What a guest's own error code means to the client: whose fault it says it was.
fn fault(code: &ErrorCode) -> Fault {
    match code {
        ErrorCode::HttpRequestBodySize(_) => ClientFault::BodyTooLarge.into(),
        _ => GuestFault::Reported.into(),
    }
}
