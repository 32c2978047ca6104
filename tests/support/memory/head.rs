//! The head of a request, from octets to types: checked once, trusted afterwards.

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};

use super::framing::Framing;
use super::response::Asked;

/// The head of a request.
pub(super) struct Head {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) fields: HeaderMap,
    pub(super) framing: Framing,
    pub(super) expects_continue: bool,
    keep_alive: bool,
}

/// Why a head is not taken.
pub(super) enum Refusal {
    BadRequest,
    HeadTooLarge,
    HeadTooSlow,
}

impl Head {
    /// Takes a head from the buffer. `None`: it is not all there yet.
    pub(super) fn parse(buffer: &mut BytesMut, max_size: usize) -> Result<Option<Self>, Refusal> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        let size = match request.parse(buffer) {
            Ok(httparse::Status::Complete(size)) if size <= max_size => size,
            Ok(httparse::Status::Partial) if buffer.len() <= max_size => return Ok(None),
            Ok(_) | Err(httparse::Error::TooManyHeaders) => return Err(Refusal::HeadTooLarge),
            Err(_) => return Err(Refusal::BadRequest),
        };
        let head = Self::from_parsed(&request).ok_or(Refusal::BadRequest)?;
        buffer.advance(size);
        Ok(Some(head))
    }

    fn from_parsed(request: &httparse::Request<'_, '_>) -> Option<Self> {
        let version = if request.version? == 0 { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut fields = HeaderMap::new();
        for field in request.headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
            fields.append(name, HeaderValue::from_bytes(field.value).ok()?);
        }
        let chunked = fields.contains_key(header::TRANSFER_ENCODING);
        // RFC 9112 §6.3: both lengths present is smuggling bait. One of them counts, and nothing that follows.
        let baited = chunked && fields.remove(header::CONTENT_LENGTH).is_some();
        let keep_alive = match version {
            _ if baited || has_option(&fields, header::CONNECTION, "close") => false,
            Version::HTTP_10 => has_option(&fields, header::CONNECTION, "keep-alive"),
            _ => true,
        };
        Some(Self {
            method: Method::from_bytes(request.method?.as_bytes()).ok()?,
            uri: request.path?.parse().ok()?,
            version,
            framing: if chunked { chunked_framing(version, &fields)? } else { length_framing(&mut fields)? },
            expects_continue: version == Version::HTTP_11 && has_option(&fields, header::EXPECT, "100-continue"),
            keep_alive,
            fields,
        })
    }

    pub(super) fn asked(&self) -> Asked {
        Asked {
            keep_alive: self.keep_alive,
            only_head: self.method == Method::HEAD,
            version: self.version,
            takes_trailers: has_option(&self.fields, header::TE, "trailers"),
        }
    }
}

fn has_option(fields: &HeaderMap, name: HeaderName, option: &str) -> bool {
    let values = fields.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(option))
}

/// RFC 9112 §6.1: only chunked alone is understood, and never from HTTP/1.0.
fn chunked_framing(version: Version, fields: &HeaderMap) -> Option<Framing> {
    let mut codings = fields.get_all(header::TRANSFER_ENCODING).iter();
    let chunked = codings.next()?.as_bytes().eq_ignore_ascii_case(b"chunked") && codings.next().is_none();
    (chunked && version == Version::HTTP_11).then_some(Framing::ChunkSize)
}

/// RFC 9112 §6.3: a length that comes twice must be the same, and is told once.
fn length_framing(fields: &mut HeaderMap) -> Option<Framing> {
    let Some(first) = fields.get(header::CONTENT_LENGTH).cloned() else { return Some(Framing::END) };
    if fields.get_all(header::CONTENT_LENGTH).iter().any(|other| other != first) {
        return None;
    }
    let digits = first.to_str().ok().filter(|length| length.bytes().all(|digit| digit.is_ascii_digit()))?;
    let length = digits.parse().ok()?;
    fields.insert(header::CONTENT_LENGTH, first);
    Some(Framing::Length(length))
}

/// Fields in one section; more are refused like a head that is too large.
pub(super) const MAX_FIELDS: usize = 100;
