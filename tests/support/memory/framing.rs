//! Where a request's content ends: its length, or its chunks (RFC 9112 §6 and §7.1). Nothing here waits.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderName, HeaderValue};
use http_body::Frame;
use windhover_contract::{ClientFault, Limits, may_be_trailer};

use super::head::{parse_fields, text_of};

/// How much of a request's content is still to come, and in what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes.
    Length(u64),
    /// Chunks, the next one's size first. Their extensions have taken so many bytes.
    ChunkSize { extensions: usize },
    /// So many bytes of a chunk, then its line end.
    Chunk { left: u64, extensions: usize },
    /// The fields behind the last chunk.
    Trailers,
}

/// A step of decoding.
pub(super) enum Decoded {
    Frame(Frame<Bytes>),
    /// More must be read first.
    Partial,
    End,
}

impl Framing {
    pub(super) const END: Self = Self::Length(0);
    pub(super) const CHUNKS: Self = Self::ChunkSize { extensions: 0 };

    /// The length, where it is known in advance.
    pub(super) fn length(self) -> Option<u64> {
        if let Self::Length(length) = self { Some(length) } else { None }
    }

    /// Takes the next frame from the buffer, as much of it as is there.
    pub(super) fn decode(&mut self, buffer: &mut BytesMut, limits: &Limits) -> Result<Decoded, ClientFault> {
        loop {
            match self {
                Self::Length(0) => return Ok(Decoded::End),
                Self::Length(left) | Self::Chunk { left: left @ 1.., .. } => {
                    if buffer.is_empty() {
                        return Ok(Decoded::Partial);
                    }
                    let size = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= size as u64;
                    return Ok(Decoded::Frame(Frame::data(buffer.split_to(size).freeze())));
                }
                Self::Chunk { left: 0, extensions } => match &buffer[..] {
                    [b'\r', b'\n', ..] => {
                        buffer.advance(2);
                        *self = Self::ChunkSize { extensions: *extensions };
                    }
                    [] | [b'\r'] => return Ok(Decoded::Partial),
                    _ => return Err(ClientFault::BodyIncomplete),
                },
                Self::ChunkSize { extensions } => {
                    let Some(line) = chunk_line(buffer, *extensions)? else { return Ok(Decoded::Partial) };
                    buffer.advance(line.bytes);
                    let extensions = *extensions + line.extensions;
                    *self = if line.size == 0 { Self::Trailers } else { Self::Chunk { left: line.size, extensions } };
                }
                Self::Trailers => {
                    let trailers = parse_fields(buffer, limits).map_err(|_| ClientFault::BodyIncomplete)?;
                    let Some((size, trailers)) = trailers else { return Ok(Decoded::Partial) };
                    if !trailers.keys().all(may_be_trailer) {
                        return Err(ClientFault::BodyIncomplete);
                    }
                    buffer.advance(size);
                    *self = Self::END;
                    if !trailers.is_empty() {
                        return Ok(Decoded::Frame(Frame::trailers(trailers)));
                    }
                }
            }
        }
    }
}

/// The line before a chunk.
struct ChunkLine {
    size: u64,
    bytes: usize,
    extensions: usize,
}

/// RFC 9112 §7.1, without the white space that it calls bad. `None`: it is not all there yet.
fn chunk_line(buffer: &[u8], extensions_before: usize) -> Result<Option<ChunkLine>, ClientFault> {
    let line = buffer.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    let malformed = ClientFault::BodyIncomplete;
    let text = match text_of(line).map_err(|_| malformed)? {
        Some(text) => text,
        None if line.len() > MAX_CHUNK_LINE => return Err(malformed),
        None if line.first().is_some_and(|first| !first.is_ascii_hexdigit()) => return Err(malformed),
        None => return Ok(None),
    };
    let digits = text.split(|byte| *byte == b';').next().unwrap_or_default();
    let extensions = &text[digits.len()..];
    let is_size = (1..=16).contains(&digits.len()) && digits.iter().all(u8::is_ascii_hexdigit);
    let size = str::from_utf8(digits).ok().filter(|_| is_size).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match size {
        Some(size) if are_extensions(extensions) && extensions_before + extensions.len() <= MAX_EXTENSIONS => {
            Ok(Some(ChunkLine { size, bytes: line.len(), extensions: extensions.len() }))
        }
        _ => Err(malformed),
    }
}

/// RFC 9112 §7.1.1.
fn are_extensions(mut bytes: &[u8]) -> bool {
    fn token(bytes: &mut &[u8]) -> bool {
        let size = bytes.iter().take_while(|byte| HeaderName::from_bytes(&[**byte]).is_ok()).count();
        *bytes = &bytes[size..];
        size > 0
    }
    fn quoted(bytes: &mut &[u8]) -> bool {
        while let [byte, rest @ ..] = *bytes {
            *bytes = rest;
            match (byte, rest) {
                (b'"', _) => return true,
                (b'\\', [_, rest @ ..]) => *bytes = rest,
                _ => {}
            }
        }
        false
    }
    if HeaderValue::from_bytes(bytes).is_err() {
        return false; // a control character
    }
    while let [b';', rest @ ..] = bytes {
        bytes = rest;
        if !token(&mut bytes) {
            return false;
        }
        if let [b'=', rest @ ..] = bytes {
            bytes = rest;
            let is_value = match bytes {
                [b'"', rest @ ..] => {
                    bytes = rest;
                    quoted(&mut bytes)
                }
                _ => token(&mut bytes),
            };
            if !is_value {
                return false;
            }
        }
    }
    bytes.is_empty()
}

/// What chunk extensions may take in one content.
const MAX_EXTENSIONS: usize = 4 * 1024;

/// A longer line cannot become one that is good.
const MAX_CHUNK_LINE: usize = MAX_EXTENSIONS + 18;
