//! The head of an HTTP/2 request: the checks that the library leaves out, and the change to the form of HTTP/1.1 for
//! applications.

use http::header::{CONTENT_LENGTH, COOKIE, EXPECT, HOST};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Uri};
use windhover_contract::{ClientFault, Limits, Scheme, is_same_authority};

use crate::http1::length;

/// RFC 9113 §8.2.1: no value begins or ends with white space. In HTTP/1.1 such white space is not part of a value, so
/// that an intermediary would pass on another value.
pub(super) fn are_trimmed(fields: &HeaderMap) -> bool {
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    fields.values().map(HeaderValue::as_bytes).all(|value| !is_space(value.first()) && !is_space(value.last()))
}

/// The limits of HTTP/1.1 for which the library has no equivalent. The library itself refuses header sections that are
/// too large.
pub(super) fn check_size(head: &http::request::Parts, limits: &Limits) -> Result<(), ClientFault> {
    let path = head.uri.path_and_query().map_or(0, |path| path.as_str().len());
    let authority = head.uri.authority().map_or(0, |authority| authority.as_str().len());
    if head.method.as_str().len() + path + authority > limits.max_request_line_size.as_usize() {
        return Err(ClientFault::RequestLineTooLong);
    }
    if head.headers.len() > limits.max_request_fields.as_usize() {
        return Err(ClientFault::FieldsTooMany);
    }
    Ok(())
}

/// RFC 9110 §7.4: another scheme names no resource of this server. Both schemes of HTTP are accepted, because gateways
/// that end TLS pass on the scheme that they were asked for (RFC 9113 §8.3.1).
pub(super) fn check_scheme(uri: &Uri) -> Result<(), ClientFault> {
    match uri.scheme_str() {
        None | Some("http" | "https") => Ok(()),
        Some(_) => Err(ClientFault::SchemeForeign),
    }
}

/// Gives a head the form that it has in HTTP/1.1, so that applications see one form: the authority is a Host field too
/// (RFC 9113 §8.3.1, as Kestrel), the target is the path alone, and there is one cookie field (RFC 9113 §8.2.3).
pub(super) fn make_alike(head: &mut http::request::Parts) -> Result<(), ClientFault> {
    if !head.headers.contains_key(HOST) {
        let authority = head.uri.authority().ok_or(ClientFault::HostMissing)?;
        let host = HeaderValue::from_str(authority.as_str()).map_err(|_| ClientFault::HostInvalid)?;
        head.headers.insert(HOST, host);
    }
    // If a Host field differs, the target stays as it is and is refused for that.
    if let (Some(authority), Some(host)) = (head.uri.authority(), head.headers.get(HOST))
        && is_named(authority, host, &head.uri)
        && let Some(path) = head.uri.path_and_query().cloned()
    {
        head.uri = Uri::from(path);
    }
    let crumbs: Vec<&[u8]> = head.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let cookies =
            HeaderValue::from_bytes(&crumbs.join(&b"; "[..])).expect("parts of field values are field values");
        head.headers.insert(COOKIE, cookies);
    }
    Ok(())
}

/// Whether a Host field equals the authority of a target.
fn is_named(authority: &Authority, host: &HeaderValue, target: &Uri) -> bool {
    let scheme = if target.scheme_str() == Some("https") { Scheme::Https } else { Scheme::Http };
    let is_same = |host: Authority| is_same_authority(authority, &host, scheme);
    authority.as_str().as_bytes() == host.as_bytes() || Authority::try_from(host.as_bytes()).is_ok_and(is_same)
}

/// RFC 9110 §8.6, as in HTTP/1.1: one field. The library has refused lengths that contradict each other or the content.
pub(super) fn content_length(fields: &HeaderMap) -> Result<Option<u64>, ClientFault> {
    let mut lengths = fields.get_all(CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else { return Ok(None) };
    let only = Some(first).filter(|_| lengths.next().is_none());
    only.and_then(|only| length(only.as_bytes())).map(Some).ok_or(ClientFault::ContentLength)
}

pub(super) fn expects_continue(fields: &HeaderMap) -> bool {
    fields.get(EXPECT).is_some_and(|expectation| expectation.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}
