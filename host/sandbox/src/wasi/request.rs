//! What of the current exchange becomes a request of wasi:http, of either version: its authority, its fields without
//! those of the connection, its content.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::Authority;
use http::{HeaderMap, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use wasmtime_wasi_http::{Error, WasiBody};
use windhover_contract::ClientFault;

use crate::exchange::{Exchange, client_fault};

/// wasi:http wants an authority always; a client of HTTP/1.0 need not send one. Then it is ours (RFC 9110 §7.2).
pub(super) fn authority(exchange: &Exchange) -> Authority {
    if let Some(authority) = exchange.target.authority() {
        return authority.clone();
    }
    let local = exchange.features.connection.as_deref().and_then(|connection| connection.local);
    local
        .and_then(|address| Authority::try_from(address.to_string()).ok())
        .unwrap_or(Authority::from_static("localhost"))
}

/// The fields as they came. Where nobody else can ask for them, they move.
pub(super) fn fields(exchange: &mut Exchange) -> HeaderMap {
    if exchange.deployed.guest.has_current_exchange() {
        exchange.fields.clone()
    } else {
        std::mem::take(&mut exchange.fields)
    }
}

/// The fields without those that are about the connection, which is the server's (RFC 9110 §7.6.1). `trailer` stays: it
/// announces what the guest will get.
pub(crate) fn without_connection(mut fields: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|options| options.to_str().ok())
        .flat_map(|options| options.split(','))
        .filter_map(|option| HeaderName::try_from(option.trim_matches([' ', '\t'])).ok())
        // Not even a client that calls them so can make them the connection's: they say whom and what is asked.
        .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
        .collect();
    for name in named.iter().chain(&ABOUT_THE_CONNECTION) {
        while fields.remove(name).is_some() {}
    }
    fields
}

/// The content, whose failures the exchange hears of too. `None`: there is none.
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

const ABOUT_THE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    header::PROXY_AUTHORIZATION, // for a proxy before this server, never for an application
];
