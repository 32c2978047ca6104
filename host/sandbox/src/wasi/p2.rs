//! `wasi:http` 0.2, written for guests that answer at once: what they do costs no task and no channel, and the content
//! of an answer that is whole when its guest ends leaves in one piece. The rest of WASI 0.2 is wasmtime's.

mod answer;
mod bindings;
mod content;
mod error;
mod fields;
mod incoming;
mod outgoing;
mod pipe;
mod stuck;

use std::any::Any;
use std::sync::Arc;

use wasmtime::Store;
use wasmtime::component::{HasSelf, Linker};

use super::request;
use crate::exchange::log_id::LogId;
use crate::store::state::State;
use answer::{OutgoingResponse, ResponseOutparam};
use incoming::{Fields, IncomingRequest};
use outgoing::{FutureResponse, IncomingResponse, OutgoingRequest};
use pipe::OutgoingBody;
use stuck::unless_stuck;

pub(crate) use bindings::{WasiHttp, WasiHttpPre};
pub(crate) use pipe::Outgoing;
pub(crate) use stuck::WaitsForItself;

/// Links `wasi:http` 0.2.
pub(super) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let stable = bindings::types::LinkOptions::default();
    bindings::types::add_to_linker::<_, HasSelf<State>>(linker, &stable, |state| state)?;
    bindings::outgoing_handler::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

/// Calls the handler for the current exchange.
pub(crate) async fn call(store: &mut Store<State>, guest: &WasiHttp) -> wasmtime::Result<()> {
    let state = store.data_mut();
    let app = Arc::clone(&state.deployed().name);
    let exchange = state.exchange();
    let request = IncomingRequest {
        method: exchange.method.clone(),
        authority: request::authority(exchange),
        fields: Fields::Raw(request::fields(exchange)),
        content: request::content(exchange),
        target: exchange.target.clone(),
        expect_continue: exchange.features.expect_continue.clone(),
        is_consumed: false,
    };
    let outparam = ResponseOutparam { app, id: LogId::from(&exchange.features), answer: Arc::clone(&exchange.answer) };
    let (request, outparam) = (state.table().push(request)?, state.table().push(outparam)?);
    unless_stuck(guest.wasi_http_incoming_handler().call_handle(store, request, outparam)).await
}

/// What a resource of wasi:http holds beyond itself.
pub(crate) fn content(resource: &(dyn Any + Send)) -> usize {
    if let Some(response) = resource.downcast_ref::<OutgoingResponse>() {
        return response.held();
    }
    if let Some(request) = resource.downcast_ref::<OutgoingRequest>() {
        return request.held();
    }
    if let Some(response) = resource.downcast_ref::<FutureResponse>() {
        return response.held();
    }
    if let Some(response) = resource.downcast_ref::<IncomingResponse>() {
        return response.held();
    }
    resource.downcast_ref::<IncomingRequest>().map_or(0, IncomingRequest::held)
}

/// Whether this is an outgoing body that the guest has neither finished nor dropped.
pub(crate) fn is_unfinished(resource: &(dyn Any + Send)) -> bool {
    resource.is::<OutgoingBody>()
}

/// Whether this is a response that has content and was not given to the outparam yet.
pub(crate) fn is_written_early(resource: &(dyn Any + Send)) -> bool {
    resource.downcast_ref::<OutgoingResponse>().is_some_and(OutgoingResponse::is_written)
}
