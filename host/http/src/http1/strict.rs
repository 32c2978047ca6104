//! Validates what a client sends, byte by byte, before hyper sees it: hyper cannot be told to be strict, and what two
//! parties read differently is how requests are smuggled.
//!
//! Follows one connection through heads, content and chunks, without I/O and without allocations. A head is valid when
//! it is complete, and so is a line of chunked framing: until then it is shown again from its first byte. So each line
//! is checked in one piece, and the result does not depend on how the bytes were split on their way.
//!
//! `exchange` checks what a target and a Host field mean.

mod grammar;
mod head;
#[cfg(test)]
mod tests;

use memchr::memchr;
use windhover_contract::{ClientFault, Limits};

use grammar::{MAX_DIGITS, Spoken, chunk_size, field, good_field, is_token, is_trailer, request_line};
use head::{Bounds, Codings, Fields, Head};

/// The validator of one connection.
pub(crate) struct Strict {
    bounds: Bounds,
    phase: Phase,
    head: Head,
    fields: Fields,
    /// The size of the chunk extensions in this content.
    extensions: usize,
    /// Where the current line begins in the next bytes.
    line: usize,
    /// So many bytes of that line contain no line end.
    searched: usize,
    heads: u64,
    /// Where in these bytes a minor version stands that is higher than any known one.
    higher_version: Option<usize>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// So many bytes are valid. The bytes behind them must be shown again, with more.
    pub(crate) good: usize,
    /// What is wrong behind them. Nothing that follows is checked.
    pub(crate) fault: Option<Wrong>,
}

/// What is wrong, and with which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The head behind the valid bytes.
    Head(ClientFault),
    /// The framing of the content of the previous head.
    Content,
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request line, or the one empty line that may stand before it.
    RequestLine,
    /// A request line.
    RequestLineAtLast,
    Fields,
    /// So many bytes of content.
    Length(u64),
    ChunkSize,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The CR behind a chunk.
    ChunkCr,
    /// The LF behind the CR.
    ChunkLf,
    Trailers,
    /// Unknown: the request asked for an upgrade.
    Upgrade,
    /// Another protocol.
    Upgraded,
    /// Nothing: something was wrong.
    Wrong,
}

/// Whether there is more to judge.
type Goes = Result<bool, Wrong>;

impl Strict {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds {
                line: limits.max_request_line_size.as_usize(),
                fields: limits.max_request_fields.as_usize(),
                fields_size: limits.max_request_fields_size.as_usize(),
            },
            phase: Phase::RequestLine,
            head: Head::default(),
            fields: Fields::default(),
            extensions: 0,
            line: 0,
            searched: 0,
            heads: 0,
            higher_version: None,
        }
    }

    /// Checks bytes: those that were shown last time and were not valid yet, and those that have arrived since. Changes
    /// one thing: HTTP/1.2 and higher in a request line becomes HTTP/1.1, because it is read as that (RFC 9110 §2.5).
    pub(crate) fn check(&mut self, bytes: &mut [u8]) -> Verdict {
        let mut good = 0;
        let fault = loop {
            let step = self.step(bytes, &mut good);
            if let Some(at) = self.higher_version.take() {
                bytes[at] = b'1';
            }
            match step {
                Ok(true) => {}
                Ok(false) => break None,
                Err(wrong) => {
                    self.phase = Phase::Wrong;
                    break Some(wrong);
                }
            }
        };
        self.line = self.line.saturating_sub(good);
        Verdict { good, fault }
    }

    /// How many heads were valid.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether all was valid, and a head comes next.
    pub(crate) fn is_between_heads(&self) -> bool {
        self.phase == Phase::RequestLine && self.line == 0 && self.searched == 0
    }

    /// Whether what was not valid yet is part of a head.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.phase, Phase::RequestLine | Phase::RequestLineAtLast | Phase::Fields)
    }

    /// Whether content has begun and has not ended.
    pub(crate) fn is_in_content(&self) -> bool {
        match self.phase {
            Phase::Length(left) => left > 0,
            Phase::ChunkSize | Phase::Chunk(_) | Phase::ChunkCr | Phase::ChunkLf | Phase::Trailers => true,
            Phase::RequestLine | Phase::RequestLineAtLast | Phase::Fields => false,
            Phase::Upgrade | Phase::Upgraded | Phase::Wrong => false,
        }
    }

    /// Whether what comes is not HTTP any more.
    pub(crate) fn is_stopped(&self) -> bool {
        self.phase == Phase::Upgraded
    }

    /// Whether nothing is valid any more until an upgrade is decided on: [`Strict::decline`] or [`Strict::stop`].
    pub(crate) fn awaits_upgrade(&self) -> bool {
        self.phase == Phase::Upgrade
    }

    /// The upgrade was declined: what follows is the next request.
    pub(crate) fn decline(&mut self) {
        if self.awaits_upgrade() {
            self.phase = Phase::RequestLine;
        }
    }

    /// What follows is not HTTP: all of it is valid.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Upgraded;
    }

    /// One line, or as much content as there is.
    fn step(&mut self, bytes: &[u8], good: &mut usize) -> Goes {
        let rest = bytes.get(self.line..).unwrap_or_default();
        match self.phase {
            Phase::RequestLine | Phase::RequestLineAtLast => self.read_request_line(rest),
            Phase::Fields => self.read_field(rest, good),
            Phase::ChunkSize => self.read_chunk_size(rest, good),
            Phase::Trailers => self.read_trailer(rest, good),
            Phase::Length(0) => {
                self.end_content();
                Ok(true)
            }
            Phase::Chunk(0) => {
                self.phase = Phase::ChunkCr;
                Ok(true)
            }
            Phase::Length(left) => {
                let taken = left.min(rest.len() as u64);
                self.pass(taken as usize, good);
                self.phase = Phase::Length(left - taken);
                Ok(taken == left)
            }
            Phase::Chunk(left) => {
                let taken = left.min(rest.len() as u64);
                self.pass(taken as usize, good);
                self.phase = Phase::Chunk(left - taken);
                Ok(taken == left)
            }
            Phase::ChunkCr => self.read_byte(rest, b'\r', Phase::ChunkLf, good),
            Phase::ChunkLf => self.read_byte(rest, b'\n', Phase::ChunkSize, good),
            Phase::Upgraded => {
                self.pass(rest.len(), good);
                Ok(false)
            }
            Phase::Upgrade | Phase::Wrong => Ok(false),
        }
    }

    fn pass(&mut self, bytes: usize, good: &mut usize) {
        self.line += bytes;
        *good = self.line;
    }

    /// The line that `rest` begins with, and whether it is complete.
    fn line<'r>(&mut self, rest: &'r [u8]) -> (&'r [u8], bool) {
        let unsearched = rest.get(self.searched..).unwrap_or_default();
        match memchr(b'\n', unsearched) {
            Some(at) => {
                let line = &rest[..self.searched + at + 1];
                self.searched = 0;
                (line, true)
            }
            None => {
                self.searched = rest.len();
                (rest, false)
            }
        }
    }

    fn read_request_line(&mut self, rest: &[u8]) -> Goes {
        let (line, is_whole) = self.line(rest);
        match line {
            [] | b"\r" => return Ok(false),
            // RFC 9112 §2.2: one empty line, which some clients send after content.
            b"\r\n" if self.phase == Phase::RequestLine => {
                self.phase = Phase::RequestLineAtLast;
                self.line += line.len();
                return Ok(true);
            }
            // At once, because a client that speaks another protocol may never send a line end.
            [first, ..] if !is_token(*first) => return Err(Wrong::Head(ClientFault::RequestLine)),
            _ if line.len() > self.bounds.line => return Err(Wrong::Head(ClientFault::RequestLineTooLong)),
            _ if !is_whole => return Ok(false),
            _ => {}
        }
        let spoken = request_line(line).map_err(Wrong::Head)?;
        if spoken == Spoken::Higher {
            self.higher_version = Some(self.line + line.len() - "1\r\n".len());
        }
        self.head = Head { is_http_11: spoken != Spoken::Http10, ..Head::default() };
        self.fields = Fields::default();
        self.phase = Phase::Fields;
        self.line += line.len();
        Ok(true)
    }

    fn read_field(&mut self, rest: &[u8], good: &mut usize) -> Goes {
        let rest = self.skip_good_fields(rest).map_err(Wrong::Head)?;
        let (line, is_whole) = self.line(rest);
        match line {
            [] | b"\r" => return Ok(false),
            b"\r\n" => {
                self.end_head().map_err(Wrong::Head)?;
                self.pass(line.len(), good);
                return Ok(true);
            }
            _ => {}
        }
        self.fields.count(line, is_whole, &self.bounds).map_err(Wrong::Head)?;
        if is_whole {
            let name = field(line).map_err(Wrong::Head)?;
            self.head.learn(name, line).map_err(Wrong::Head)?;
            self.line += line.len();
        }
        Ok(is_whole)
    }

    /// The fast path for complete and valid lines, in one pass over each. It leaves every other line to the slow path,
    /// which finds out what is wrong.
    fn skip_good_fields<'r>(&mut self, mut rest: &'r [u8]) -> Result<&'r [u8], ClientFault> {
        while self.searched == 0
            && let Some((name, line)) = good_field(rest)
        {
            if self.fields.count(line, true, &self.bounds).is_err() {
                break;
            }
            self.head.learn(name, line)?;
            self.line += line.len();
            rest = &rest[line.len()..];
        }
        Ok(rest)
    }

    fn end_head(&mut self) -> Result<(), ClientFault> {
        self.phase = match (self.head.codings, self.head.length) {
            (Codings::None, length) => Phase::Length(length.unwrap_or(0)),
            // RFC 9112 §6.3: it ought to be handled as an error.
            (_, Some(_)) => return Err(ClientFault::TwoLengths),
            // RFC 9112 §6.1: its framing is faulty, even where it looks right.
            (_, None) if !self.head.is_http_11 => return Err(ClientFault::TransferCoding),
            (codings, None) => {
                codings.check_chunked()?;
                Phase::ChunkSize
            }
        };
        self.extensions = 0;
        self.heads += 1;
        Ok(())
    }

    fn end_content(&mut self) {
        // hyper takes every Upgrade field of HTTP/1.1 for a request to upgrade, and `upgrade` answers it.
        let asks = self.head.is_http_11 && self.head.asks_for_upgrade;
        self.phase = if asks { Phase::Upgrade } else { Phase::RequestLine };
    }

    fn read_chunk_size(&mut self, rest: &[u8], good: &mut usize) -> Goes {
        let (line, is_whole) = self.line(rest);
        match line {
            [] => return Ok(false),
            [first, ..] if !first.is_ascii_hexdigit() => return Err(Wrong::Content),
            _ if line.len() > MAX_DIGITS + MAX_EXTENSIONS - self.extensions + 2 => return Err(Wrong::Content),
            _ if !is_whole => return Ok(false),
            _ => {}
        }
        let (size, extensions) = chunk_size(line).ok_or(Wrong::Content)?;
        self.extensions += extensions;
        if self.extensions > MAX_EXTENSIONS {
            return Err(Wrong::Content);
        }
        self.fields = Fields::default();
        self.phase = if size == 0 { Phase::Trailers } else { Phase::Chunk(size) };
        self.pass(line.len(), good);
        Ok(true)
    }

    fn read_byte(&mut self, rest: &[u8], expected: u8, next: Phase, good: &mut usize) -> Goes {
        match rest.first() {
            None => Ok(false),
            Some(byte) if *byte == expected => {
                self.pass(1, good);
                self.phase = next;
                Ok(true)
            }
            Some(_) => Err(Wrong::Content),
        }
    }

    fn read_trailer(&mut self, rest: &[u8], good: &mut usize) -> Goes {
        let (line, is_whole) = self.line(rest);
        match line {
            [] | b"\r" => return Ok(false),
            b"\r\n" => self.end_content(),
            _ => {
                self.fields.count(line, is_whole, &self.bounds).map_err(|_| Wrong::Content)?;
                if !is_whole {
                    return Ok(false);
                }
                if !is_trailer(line) {
                    return Err(Wrong::Content);
                }
            }
        }
        self.pass(line.len(), good);
        Ok(true)
    }
}

/// The value of a Content-Length field, in any version of HTTP. `None`: it is invalid.
pub(crate) fn length(value: &[u8]) -> Option<u64> {
    grammar::length(value)
}

/// The largest size of the chunk extensions in one content. RFC 9112 §7.1.1 asks for a limit. No client of today sends
/// any, and without a limit a client can send much that counts as nothing.
const MAX_EXTENSIONS: usize = 4 << 10;
