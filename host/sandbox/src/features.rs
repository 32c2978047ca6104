//! The interfaces of `wit/`, one file each, written against the current exchange and nothing else.

mod authentication;
pub(crate) mod bindings;
mod connection;
mod content;
mod identifier;
mod informational;
mod lifetime;
mod limits;
mod offered;
mod request;
mod reset;
mod response;
mod send_file;
mod server_addresses;
mod server_variables;
mod telemetry;
mod tls;
mod upgrade;
mod websocket;

use wasmtime::component::{HasData, Linker};

use crate::exchange::Exchange;
use crate::store::state::State;

/// Links every interface of `wit/`.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    bindings::authentication::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::connection::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::identifier::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::informational::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::lifetime::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::limits::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::request::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::reset::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::response::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::send_file::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::server_addresses::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::server_variables::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::telemetry::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::tls::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::upgrade::add_to_linker::<_, Current>(linker, State::exchange)?;
    bindings::websocket::add_to_linker::<_, Current>(linker, State::exchange)?;
    linker.allow_shadowing(true);
    response::add_content_to_linker(&mut linker.instance("windhover:http/response@0.1.0")?)?;
    upgrade::add_content_to_linker(&mut linker.instance("windhover:http/upgrade@0.1.0")?)?;
    websocket::add_content_to_linker(&mut linker.instance("windhover:http/websocket@0.1.0")?)?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Names the current exchange as what host functions work on.
struct Current;

impl HasData for Current {
    type Data<'a> = &'a mut Exchange;
}
