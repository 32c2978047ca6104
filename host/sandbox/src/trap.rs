//! How a guest's failure becomes a fault: the log gets all of it with the backtrace, the client a status.

use tracing::{error, warn};
use wasmtime_wasi::I32Exit;
use windhover_contract::{Fault, GuestFault};

use crate::state::State;

/// The fault that `error` ended the exchange with. Logs it.
pub(crate) fn fault(error: wasmtime::Error, state: &mut State) -> Fault {
    let app = state.deployed().name.clone();
    if let Some(client) = state.exchange().content.fault() {
        warn!(%app, fault = %client, "the guest ended without coping with its client's fault: {error:#}");
        return client.into();
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        error!(%app, "the guest called exit({code}) instead of answering");
    } else if state.memory.was_refused {
        let limit = state.deployed().limits.max_memory;
        error!(%app, "the guest trapped after it was refused memory beyond its limit of {limit} bytes: {error:?}");
    } else {
        error!(%app, "the guest trapped: {error:?}");
    }
    GuestFault::Trapped.into()
}
