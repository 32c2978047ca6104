//! Turns the current exchange into a request of wasi:http, of either version: its authority, its fields without those
//! of the connection, its content.

use http::HeaderMap;
use http::uri::Authority;
use http_body::Body as _;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};
use windhover_contract::ClientFault;

use crate::exchange::{Exchange, client_fault};

/// wasi:http always has an authority, but a client of HTTP/1.0 need not send one. Then it is the server's (RFC 9110
/// §7.2).
pub(super) fn authority(exchange: &Exchange) -> Authority {
    if let Some(authority) = exchange.target.authority() {
        return authority.clone();
    }
    let local = exchange.features.connection.as_deref().and_then(|connection| connection.local());
    local
        .and_then(|address| Authority::try_from(address.to_string()).ok())
        .unwrap_or(Authority::from_static("localhost"))
}

/// The fields as they arrived. They are moved, unless the guest can ask for them again.
pub(super) fn fields(exchange: &mut Exchange) -> HeaderMap {
    if exchange.app.has_current_exchange { exchange.fields.clone() } else { std::mem::take(&mut exchange.fields) }
}

/// The content. Its errors are reported to the exchange too. `None`: there is none.
pub(super) fn content(exchange: &mut Exchange) -> Option<WasiBody> {
    let (content, fault) = exchange.content.take();
    if content.is_end_stream() {
        return None;
    }
    let content = content.map_err(move |error| {
        let _ = fault.set(client_fault(&error));
        match client_fault(&error) {
            ClientFault::BodyTooLarge => Error::HttpRequestBodySize(None),
            _ => Error::ConnectionTerminated,
        }
    });
    Some(content.boxed_unsync())
}
