//! The head of a request, from bytes to types: checked once, trusted afterwards. It is taken apart line by line, and
//! nothing is made good that is wrong.

use bytes::{Buf, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, Version, header};
use windhover_contract::{ClientFault, Limits, Target};

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
    Fault(ClientFault),
    TooSlow,
}

impl Head {
    /// Takes a head from the buffer. `None`: it is not all there yet.
    pub(super) fn parse(buffer: &mut BytesMut, limits: &Limits) -> Result<Option<Self>, ClientFault> {
        // RFC 9112 §2.2: one empty line before it.
        let begin = if buffer.starts_with(b"\r\n") { 2 } else { 0 };
        let bytes = &buffer[begin..];
        if bytes.is_empty() || bytes == b"\r" {
            return Ok(None);
        }
        if HeaderName::from_bytes(&bytes[..1]).is_err() {
            return Err(ClientFault::RequestLine); // no method begins so
        }
        let line = bytes.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        if line.len() > limits.max_request_line_size.as_usize() {
            return Err(ClientFault::RequestLineTooLong);
        }
        let Some(text) = text_of(line)? else { return Ok(None) };
        let (method, uri, version) = request_line(text)?;
        let Some((size, fields)) = parse_fields(&bytes[line.len()..], limits)? else { return Ok(None) };
        let head = Self::new(method, uri, version, fields)?;
        buffer.advance(begin + line.len() + size);
        Ok(Some(head))
    }

    fn new(method: Method, uri: Uri, version: Version, fields: HeaderMap) -> Result<Self, ClientFault> {
        let keep_alive = match version {
            _ if has_option(&fields, header::CONNECTION, "close") => false,
            Version::HTTP_10 => has_option(&fields, header::CONNECTION, "keep-alive"),
            _ => true,
        };
        let expects_continue = version == Version::HTTP_11 && has_option(&fields, header::EXPECT, "100-continue");
        let framing = framing(version, &fields)?;
        Ok(Self { method, uri, version, framing, expects_continue, keep_alive, fields })
    }

    pub(super) fn asked(&self) -> Asked {
        Asked {
            keep_alive: self.keep_alive,
            closes: false,
            only_head: self.method == Method::HEAD,
            version: self.version,
            takes_trailers: has_option(&self.fields, header::TE, "trailers"),
        }
    }
}

/// A section of fields up to its empty line, and its size with that. `None`: it is not all there yet.
pub(super) fn parse_fields(bytes: &[u8], limits: &Limits) -> Result<Option<(usize, HeaderMap)>, ClientFault> {
    let (mut size, mut fields) = (0, HeaderMap::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if line == b"\r" {
            return Ok(None);
        }
        if line == b"\r\n" {
            return Ok(Some((size + 2, fields)));
        }
        size += line.len();
        if fields.len() >= limits.max_request_fields.as_usize() {
            return Err(ClientFault::FieldsTooMany);
        }
        if size > limits.max_request_fields_size.as_usize() {
            return Err(ClientFault::FieldsTooLarge);
        }
        let Some(text) = text_of(line)? else { return Ok(None) };
        let colon = text.iter().position(|byte| *byte == b':').ok_or(ClientFault::FieldLine)?;
        let value = HeaderValue::from_bytes(text[colon + 1..].trim_ascii());
        let name = HeaderName::from_bytes(&text[..colon]).map_err(|_| ClientFault::FieldLine)?;
        let is_text = HeaderValue::from_bytes(&text[colon + 1..]).is_ok(); // no control characters to trim, either
        let value = value.ok().filter(|_| is_text).ok_or(ClientFault::FieldLine)?;
        fields.append(name, value);
    }
    Ok(None)
}

/// A line without its end, which is CRLF. `None`: it has none yet.
pub(super) fn text_of(line: &[u8]) -> Result<Option<&[u8]>, ClientFault> {
    match line.strip_suffix(b"\n") {
        None => Ok(None),
        Some(line) => line.strip_suffix(b"\r").map(Some).ok_or(ClientFault::LineEnd),
    }
}

/// RFC 9112 §3. The target may be none of HTTP's four forms; who resolves it finds that out.
fn request_line(line: &[u8]) -> Result<(Method, Uri, Version), ClientFault> {
    let line = str::from_utf8(line).ok().filter(|line| !line.contains(|c: char| !matches!(c, ' '..='~')));
    let parts: Vec<&str> = line.ok_or(ClientFault::RequestLine)?.split(' ').collect();
    let [method, target, version] = parts[..] else { return Err(ClientFault::RequestLine) };
    let version = match version.as_bytes() {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Version::HTTP_11, // RFC 9110 §2.5
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            return Err(ClientFault::Version);
        }
        _ => return Err(ClientFault::RequestLine),
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| ClientFault::RequestLine)?;
    Target::check(target.as_bytes())?;
    Ok((method, target.parse().map_err(|_| ClientFault::RequestLine)?, version))
}

fn has_option(fields: &HeaderMap, name: HeaderName, option: &str) -> bool {
    let values = fields.get_all(name);
    values
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|found| found.trim().eq_ignore_ascii_case(option))
}

/// RFC 9112 §6: one length, or chunks and nothing around them, and never from HTTP/1.0.
fn framing(version: Version, fields: &HeaderMap) -> Result<Framing, ClientFault> {
    let codings: Vec<&[u8]> = fields.get_all(header::TRANSFER_ENCODING).iter().map(HeaderValue::as_bytes).collect();
    let lengths: Vec<&[u8]> = fields.get_all(header::CONTENT_LENGTH).iter().map(HeaderValue::as_bytes).collect();
    match (&codings[..], &lengths[..]) {
        ([], []) => Ok(Framing::END),
        ([], [length]) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            let length = str::from_utf8(length).ok().and_then(|length| length.parse::<i64>().ok());
            length.map(|length| Framing::Length(length.unsigned_abs())).ok_or(ClientFault::ContentLength)
        }
        ([], _) => Err(ClientFault::ContentLength),
        ([..], []) if version == Version::HTTP_11 => chunks(&codings),
        ([..], []) => Err(ClientFault::TransferCoding),
        _ => Err(ClientFault::TwoLengths),
    }
}

/// RFC 9112 §6.1 and §6.3: others inside of chunks are not known, and all else leaves the content without an end.
fn chunks(codings: &[&[u8]]) -> Result<Framing, ClientFault> {
    let codings = codings.join(&b',').to_ascii_lowercase();
    let codings: Vec<&[u8]> = codings.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).collect();
    let name = |coding: &[u8]| coding.split(|byte| matches!(byte, b';' | b' ' | b'\t')).next().map(<[u8]>::to_vec);
    let is_other = |coding: &&[u8]| {
        let name = name(coding).unwrap_or_default();
        let behind = coding[name.len()..].trim_ascii_start();
        HeaderName::from_bytes(&name).is_ok() && name != b"chunked" && (behind.is_empty() || behind.starts_with(b";"))
    };
    match codings.split_last() {
        Some((last, [])) if *last == b"chunked" => Ok(Framing::CHUNKS),
        Some((last, others)) if *last == b"chunked" && others.iter().all(is_other) => {
            Err(ClientFault::TransferCodingUnknown)
        }
        _ => Err(ClientFault::TransferCoding),
    }
}
