//! Fields that a guest wants to send: checked before anything of them leaves.

use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue};

/// Why fields are not sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// Its name or value is malformed, or there are too many.
    Invalid(String),
    /// It is the server's to send.
    Forbidden(String),
}

/// The fields, if each may be sent.
pub(crate) fn check(list: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, FieldError> {
    let mut size = 0;
    let mut fields = HeaderMap::with_capacity(list.len().min(MAX_FIELDS));
    for (name, value) in list {
        size += name.len() + value.len();
        let refused = |name: &str| FieldError::Invalid(cut(name));
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else { return Err(refused(&name)) };
        if is_connection_level(&parsed) {
            return Err(FieldError::Forbidden(name));
        }
        if fields.len() == MAX_FIELDS || size > MAX_FIELDS_SIZE {
            return Err(refused(&name));
        }
        let Ok(value) = HeaderValue::try_from(value) else { return Err(refused(&name)) };
        if parsed == CONTENT_LENGTH && fields.contains_key(CONTENT_LENGTH) {
            return Err(refused(&name)); // two lengths are smuggling bait, even if they agree
        }
        fields.append(parsed, value);
    }
    Ok(fields)
}

/// The length that a guest has promised for its content, if it has.
pub(crate) fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The error carries a name back into the guest, so a name of megabytes is cut.
pub(crate) fn cut(name: &str) -> String {
    name.chars().take(MAX_NAME_IN_ERROR).collect()
}

/// RFC 9110 §7.6.1: these are about the connection, which is the server's.
fn is_connection_level(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | TRANSFER_ENCODING | UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// As the WIT says. Far more than any client takes, and little enough to hold for every instance.
const MAX_FIELDS: usize = 1000;
const MAX_FIELDS_SIZE: usize = 128 << 10;
const MAX_NAME_IN_ERROR: usize = 256;
