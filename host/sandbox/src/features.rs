//! The interfaces of `wit/`, one file each, written against the current exchange and nothing else.

mod authentication;
pub(crate) mod bindings;
mod connection;
mod identifier;
mod informational;
mod lifetime;
mod limits;
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

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use wasmtime::StoreContextMut;
use wasmtime::component::{HasData, Linker, WasmList};
use windhover_contract::Feature;

use crate::answer::buffers::counted;
use crate::exchange::Exchange;
use crate::exchange::disconnect::Left;
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

/// Copies a piece of content out of the guest and leaves it to the answer, once there is room for it.
async fn write(store: &mut StoreContextMut<'_, State>, content: &WasmList<u8>) -> wasmtime::Result<Result<(), Left>> {
    let exchange = store.data_mut().exchange();
    let answer = Arc::clone(&exchange.answer);
    // Only then is room taken: what has room is on its way, and waits for nobody but the client.
    let held = match exchange.disconnect.wait(&answer, poll_fn(|cx| answer.poll_ahead(content.len(), cx))).await? {
        Ok(held) => held,
        Err(left) => return Ok(Err(left)),
    };
    let piece = match held {
        Some(held) => counted(Bytes::copy_from_slice(content.as_le_slice(&*store)), Some(held)),
        None => match take_out(store, content).await? {
            Ok(piece) => piece,
            Err(left) => return Ok(Err(left)),
        },
    };
    if !piece.is_empty() {
        answer.push(piece);
    }
    Ok(Ok(()))
}

/// Copies content out of the guest, once there is room for it.
async fn take_out(
    store: &mut StoreContextMut<'_, State>,
    content: &WasmList<u8>,
) -> wasmtime::Result<Result<Bytes, Left>> {
    let exchange = store.data_mut().exchange();
    let held = match exchange.answer.room.try_take(content.len()) {
        Ok(held) => held,
        Err(()) => {
            let answer = Arc::clone(&exchange.answer);
            match exchange.disconnect.wait(&answer, answer.room.take(content.len(), &answer)).await? {
                Ok(held) => held?,
                Err(left) => return Ok(Err(left)),
            }
        }
    };
    Ok(Ok(counted(Bytes::copy_from_slice(content.as_le_slice(&*store)), held)))
}

/// A guest met a server that lacks what it needs. Composition roots ask [`crate::Guest::require`] first, so that this
/// is a refusal at start and not a trap at the first request.
fn absent(feature: Feature) -> wasmtime::Error {
    wasmtime::format_err!("this server does not offer windhover:http/{}", feature.name())
}

/// Fields as guests see them.
fn to_list(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The address of one end as guests see it: an IPv4 client of a dual-stack socket is an IPv4 client.
fn ip(address: SocketAddr) -> String {
    address.ip().to_canonical().to_string()
}

/// Names the current exchange as what host functions work on.
struct Current;

impl HasData for Current {
    type Data<'a> = &'a mut Exchange;
}
