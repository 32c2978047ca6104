//! Where a request's content ends: its length, or its chunks (RFC 9112 §6 and §7.1). Nothing here waits.

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Frame;
use windhover_contract::ClientFault;

use super::head::MAX_FIELDS;

/// How much of a request's content is still to come, and in what form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many octets.
    Length(u64),
    /// Chunks, the next one's size first.
    ChunkSize,
    /// So many octets of a chunk, then its line end.
    Chunk(u64),
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

    /// The length, where it is known in advance.
    pub(super) fn length(self) -> Option<u64> {
        if let Self::Length(length) = self { Some(length) } else { None }
    }

    /// Takes the next frame from the buffer, as much of it as is there.
    pub(super) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Decoded, ClientFault> {
        loop {
            match self {
                Self::Length(0) => return Ok(Decoded::End),
                Self::Length(left) | Self::Chunk(left @ 1..) => {
                    if buffer.is_empty() {
                        return Ok(Decoded::Partial);
                    }
                    let size = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                    *left -= size as u64;
                    return Ok(Decoded::Frame(Frame::data(buffer.split_to(size).freeze())));
                }
                Self::Chunk(0) => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::ChunkSize;
                    }
                    Some(_) => return Err(ClientFault::BodyIncomplete),
                    None => return Ok(Decoded::Partial),
                },
                Self::ChunkSize => match httparse::parse_chunk_size(buffer) {
                    Ok(httparse::Status::Complete((line, size))) => {
                        buffer.advance(line);
                        *self = if size == 0 { Self::Trailers } else { Self::Chunk(size) };
                    }
                    Ok(httparse::Status::Partial) if buffer.len() < MAX_LINES => return Ok(Decoded::Partial),
                    Ok(httparse::Status::Partial) | Err(_) => return Err(ClientFault::BodyIncomplete),
                },
                Self::Trailers => {
                    let Some((size, trailers)) = parse_trailers(buffer)? else { return Ok(Decoded::Partial) };
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

fn parse_trailers(buffer: &[u8]) -> Result<Option<(usize, HeaderMap)>, ClientFault> {
    let mut parsed = [httparse::EMPTY_HEADER; MAX_FIELDS];
    match httparse::parse_headers(buffer, &mut parsed) {
        Ok(httparse::Status::Complete((size, parsed))) => {
            let mut trailers = HeaderMap::new();
            for field in parsed {
                let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| ClientFault::BodyIncomplete)?;
                let value = HeaderValue::from_bytes(field.value).map_err(|_| ClientFault::BodyIncomplete)?;
                trailers.append(name, value);
            }
            Ok(Some((size, trailers)))
        }
        Ok(httparse::Status::Partial) if buffer.len() < MAX_LINES => Ok(None),
        Ok(httparse::Status::Partial) | Err(_) => Err(ClientFault::BodyIncomplete),
    }
}

/// The longest line of a chunk's size with its extensions, and the largest trailer section.
const MAX_LINES: usize = 16 * 1024;
