//! Header fields. The fields that a guest wants to send are checked before anything is sent. Fields about a connection
//! are not passed on.

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderValue};
use windhover_contract::is_connection_field;

/// Why fields cannot be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum FieldError {
    /// Its name or value is malformed, or there are too many.
    Invalid(String),
    /// Only the server may send it.
    Forbidden(String),
}

/// The fields, if all of them may be sent.
pub(crate) fn check(list: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, FieldError> {
    let mut size = 0;
    let mut fields = HeaderMap::with_capacity(list.len().min(MAX_FIELDS));
    for (name, value) in list {
        size += name.len() + value.len();
        let refused = |name: &str| FieldError::Invalid(cut(name));
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else { return Err(refused(&name)) };
        if is_connection_field(&parsed) {
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

/// The announced length of the content.
pub(crate) fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Shortens a name, because the error copies it into the guest.
pub(crate) fn cut(name: &str) -> String {
    name.chars().take(MAX_NAME_IN_ERROR).collect()
}

/// Removes the fields about the connection, which belongs to the server (RFC 9110 §7.6.1). `trailer` stays, because it
/// announces what the guest gets.
pub(crate) fn without_connection(mut fields: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = fields
        .get_all(CONNECTION)
        .iter()
        .filter_map(|options| options.to_str().ok())
        .flat_map(|options| options.split(','))
        .filter_map(|option| HeaderName::try_from(option.trim_matches([' ', '\t'])).ok())
        // These two cannot be declared as fields of the connection, because the request depends on them.
        .filter(|name| *name != HOST && *name != CONTENT_LENGTH)
        .collect();
    let about_connection: Vec<HeaderName> = fields.keys().filter(|name| is_about_connection(name)).cloned().collect();
    for name in named.iter().chain(&about_connection) {
        fields.remove(name);
    }
    fields
}

/// Credentials for a proxy are for one before this server, never for an application.
fn is_about_connection(name: &HeaderName) -> bool {
    is_connection_field(name) || *name == PROXY_AUTHORIZATION || name.as_str() == "http2-settings"
}

/// Fields as guests of `windhover:http` see them.
pub(crate) fn to_list(fields: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect()
}

/// The memory that fields take: names, values, and overhead.
pub(crate) fn size_of_fields(fields: &HeaderMap) -> usize {
    fields.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum()
}

/// The overhead of a field.
pub(crate) const FIELD: usize = 96;

/// As the WIT says. Far more than any client accepts, and little enough to hold for every instance.
const MAX_FIELDS: usize = 1000;
const MAX_FIELDS_SIZE: usize = 128 << 10;
const MAX_NAME_IN_ERROR: usize = 256;
