//! Turns a guest's failure into a fault. The log gets all details with the backtrace, the client gets a status.

use tracing::{debug, error, warn};
use wasmtime::PoolConcurrencyLimitError;
use wasmtime_wasi::I32Exit;
use windhover_contract::{ClientFault, Fault, GuestFault, HostFault};

use crate::answer::buffers::NoRoom;
use crate::exchange::disconnect::{Abandoned, BrokenOff};
use crate::limits::memory::Refused;
use crate::memory;
use crate::scheduling::stuck::WaitsForItself;
use crate::store::log::printable;
use crate::store::state::{CpuTimeExceeded, State};

/// Whether a guest that ended this way has answered, and so succeeded: the runtimes of some languages leave `main` by
/// `exit(0)`. If its answer is incomplete, the content shows it.
pub(crate) fn is_success(error: &wasmtime::Error, state: &mut State) -> bool {
    let has_left = error.downcast_ref::<I32Exit>().is_some_and(|I32Exit(code)| *code == 0);
    has_left && state.current().is_some_and(|exchange| exchange.answer.has_begun())
}

/// The fault for `error`, which is logged.
pub(crate) fn fault(error: wasmtime::Error, state: &mut State) -> Fault {
    let (app, id) = (state.app().name.clone(), state.log_id());
    if error.is::<Abandoned>() {
        debug!(%app, %id, "the guest was ended, because its client has disconnected");
        return ClientFault::Gone.into();
    }
    if error.is::<BrokenOff>() {
        debug!(%app, %id, "the guest aborted the exchange");
        return GuestFault::Aborted.into();
    }
    if let Some(client) = state.client_fault() {
        warn!(%app, %id, fault = %client, "the guest did not handle the fault of its client, and ended: {error:#}");
        return client.into();
    }
    if let Some(full) = error.downcast_ref::<PoolConcurrencyLimitError>() {
        warn!(%app, %id, "the pool has no room for another instance: {full}");
        return HostFault::Busy.into();
    }
    if let Some(no_room) = error.downcast_ref::<NoRoom>() {
        warn!(%app, %id, "there is no room for the guest's content: {no_room}");
        return HostFault::NoRoom.into();
    }
    if memory::is_missing(&error) {
        error!(%app, %id, "an instance could not start, or not go on: {error:#}");
        return HostFault::NoRoom.into();
    }
    let details = details(&error);
    if error.is::<WaitsForItself>() {
        error!(
            %app, %id,
            "the guest was ended, because it waits for itself: it filled the buffer of its content before it called \
             response-outparam.set or outgoing-handler.handle, and nothing reads the buffer until then; call that \
             first:{details}"
        );
        return GuestFault::Trapped.into();
    }
    if let Some(I32Exit(code)) = error.downcast_ref() {
        let has_begun = state.current().is_some_and(|exchange| exchange.answer.has_begun());
        let when = if has_begun { "after it had started its answer" } else { "instead of answering" };
        error!(%app, %id, "the guest called exit({code}) {when}");
        return GuestFault::Trapped.into();
    }
    if error.is::<CpuTimeExceeded>() {
        let limit = state.app().limits.max_cpu_time;
        error!(%app, %id, "the guest used more CPU time than its limit (max_cpu_time), {limit:?}:{details}");
        return GuestFault::CpuTimeExceeded.into();
    }
    match state.resources.refused() {
        Some(Refused::All) => {
            let limit = state.app().grown_memory.max();
            error!(
                %app, %id,
                "the guest was ended because of the resources that it holds: all guests together have reached their \
                 limit of memory (max_grown_memory), {limit} bytes:{details}"
            );
            return HostFault::NoRoom.into();
        }
        refused if refused.is_some() || is_out_of_handles(&error) => {
            let limit = state.app().limits.max_resource_memory;
            error!(
                %app, %id,
                "the guest was ended because the resources that it holds (streams, fields, pollables …) take more memory \
                 than their limit (max-resource-memory), {limit} bytes:{details}"
            );
            return GuestFault::Trapped.into();
        }
        _ => {}
    }
    match state.memory.refused {
        Some(Refused::All) => {
            let limit = state.app().grown_memory.max();
            error!(
                %app, %id,
                "the guest trapped after it was refused memory: all guests together have reached their limit \
                 (max_grown_memory), {limit} bytes:{details}"
            );
            return HostFault::NoRoom.into();
        }
        Some(Refused::Own) => {
            let limit = state.app().limits.max_memory;
            error!(
                %app, %id,
                "the guest trapped after it was refused memory beyond its limit (max-memory), {limit} bytes:{details}"
            );
        }
        None => error!(%app, %id, "the guest trapped:{details}"),
    }
    GuestFault::Trapped.into()
}

/// Whether the guest has reached wasmtime's limit of handles, for which wasmtime has no error type.
fn is_out_of_handles(error: &wasmtime::Error) -> bool {
    error.chain().any(|cause| cause.to_string().contains("handle limit exceeded"))
}

/// The error with the guest's backtrace, without the host's, which RUST_BACKTRACE adds. Names in it come from the
/// guest, so they are shortened and escaped.
fn details(error: &wasmtime::Error) -> String {
    let mut details = String::new();
    for line in format!("{error:?}").lines().take_while(|line| *line != "Stack backtrace:") {
        let line = line.char_indices().nth(MAX_LINE).map_or(line, |(end, _)| &line[..end]);
        if details.len() + line.len() > MAX_DETAILS {
            details.push_str("\n…");
            break;
        }
        details.push('\n');
        details.push_str(&printable(line.as_bytes()));
    }
    details
}

const MAX_LINE: usize = 500;
const MAX_DETAILS: usize = 16 << 10;
