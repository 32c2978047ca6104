//! One call of `incoming-handler`.

use std::sync::Arc;

use wasmtime::Store;

use super::bindings::WasiHttp;
use super::messages::{Fields, IncomingRequest, ResponseOutparam};
use crate::exchange::log_id::LogId;
use crate::scheduling::stuck::unless_stuck;
use crate::store::state::State;
use crate::wasi::request;

/// Calls the handler for the current exchange.
pub(crate) async fn call(store: &mut Store<State>, guest: &WasiHttp) -> wasmtime::Result<()> {
    let state = store.data_mut();
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
    let outparam = ResponseOutparam {
        app: Arc::clone(&exchange.app.name),
        id: LogId::from(&exchange.features),
        answer: Arc::clone(&exchange.answer),
    };
    let (request, outparam) = (state.table().push(request)?, state.table().push(outparam)?);
    unless_stuck(guest.wasi_http_incoming_handler().call_handle(store, request, outparam)).await
}
