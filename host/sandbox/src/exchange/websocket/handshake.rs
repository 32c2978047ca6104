//! The WebSocket handshake: recognizes a request for one, and builds the fields that accept it.

use http::header::{
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use tungstenite::handshake::derive_accept_key;
use windhover_contract::{Request, Response, Upgrade, UpgradeKind};

/// A client's handshake.
pub(crate) struct Handshake {
    kind: UpgradeKind,
    accept: Option<HeaderValue>,
}

/// The subprotocols that a client offers, in the order of its preference.
pub(crate) fn offered(fields: &HeaderMap) -> Vec<String> {
    let lines = fields.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let offered = lines.flat_map(|line| line.split(',')).map(str::trim);
    offered.filter(|protocol| !protocol.is_empty()).map(str::to_owned).collect()
}

impl Handshake {
    /// The handshake of a request, if it is one (RFC 6455 §4.2.1; RFC 8441 §5 for HTTP/2, which needs no key).
    pub(crate) fn of(method: &Method, fields: &HeaderMap, upgrade: Option<&Upgrade>) -> Option<Self> {
        let upgrade = upgrade.filter(|upgrade| upgrade.offers("websocket"))?;
        if single(fields, SEC_WEBSOCKET_VERSION)? != VERSION {
            return None;
        }
        let accept = match upgrade.kind {
            UpgradeKind::Connection if *method != Method::GET => return None,
            UpgradeKind::Connection => {
                let key = single(fields, SEC_WEBSOCKET_KEY)?.as_bytes();
                if !is_key(key) {
                    return None;
                }
                let accept = derive_accept_key(key);
                Some(HeaderValue::from_str(&accept).expect("it is base64"))
            }
            UpgradeKind::ExtendedConnect => None,
        };
        Some(Self { kind: upgrade.kind, accept })
    }

    /// Adds the fields that accept it.
    pub(crate) fn accept(self, fields: &mut HeaderMap, subprotocol: Option<HeaderValue>) {
        if let Some(subprotocol) = subprotocol {
            fields.insert(SEC_WEBSOCKET_PROTOCOL, subprotocol);
        }
        if let Some(accept) = self.accept {
            fields.insert(SEC_WEBSOCKET_ACCEPT, accept);
        }
        if self.kind == UpgradeKind::Connection {
            fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
        }
    }
}

/// The answer to a handshake of an unsupported version, which names the supported one (RFC 6455 §4.2.2 and §4.4).
/// HTTP/2 has no Upgrade field, which 426 requires (RFC 9110 §15.5.22), so it gets 400.
pub(crate) fn other_version(request: &Request) -> Option<Response> {
    let upgrade = request.features.upgrade.as_ref().filter(|upgrade| upgrade.offers("websocket"))?;
    let is_handshake = upgrade.kind == UpgradeKind::ExtendedConnect || request.method == Method::GET;
    let has_version = request.fields.contains_key(SEC_WEBSOCKET_VERSION);
    let is_spoken = single(&request.fields, SEC_WEBSOCKET_VERSION).is_some_and(|version| version == VERSION);
    if !is_handshake || !has_version || is_spoken {
        return None;
    }
    let mut response = match upgrade.kind {
        UpgradeKind::Connection => Response::empty(StatusCode::UPGRADE_REQUIRED),
        UpgradeKind::ExtendedConnect => Response::empty(StatusCode::BAD_REQUEST),
    };
    if upgrade.kind == UpgradeKind::Connection {
        response.fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    response.fields.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
    Some(response)
}

/// The version of the protocol that is spoken.
const VERSION: &str = "13";

/// Fields of the handshake itself, which a guest may not send.
pub(crate) fn is_own(name: &HeaderName) -> bool {
    [SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_KEY]
        .contains(name)
}

fn single(fields: &HeaderMap, name: HeaderName) -> Option<&HeaderValue> {
    let mut values = fields.get_all(name).iter();
    let (value, None) = (values.next()?, values.next()) else { return None };
    Some(value)
}

/// RFC 6455 §4.1: 16 bytes in base64: 22 digits and two signs of filling.
fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    key.len() == 24 && key.ends_with(b"==") && key[..22].iter().all(is_digit)
}
