//! Judges what a client sends, octet for octet, before hyper sees it: hyper cannot be told to be strict, and what two
//! parties read differently is how requests are smuggled.
//!
//! Follows one connection through heads, content and chunks without I/O and without allocating. A head is good when it
//! is whole, and so is a line of chunked framing: until then it is shown again, from its first octet. So each line is
//! judged in one piece, and the verdict does not depend on how the octets were split on their way.
//!
//! Leaves to `exchange` what a target and a Host field mean.

use memchr::memchr;
use windhover_contract::{ClientFault, Limits};

/// The judge of one connection.
pub(crate) struct Strict {
    bounds: Bounds,
    phase: Phase,
    head: Head,
    fields: Fields,
    /// What chunk extensions have taken in this content.
    extensions: usize,
    /// Where in the next octets the line begins that is being read.
    line: usize,
    /// How much of that line is known to hold no line end.
    searched: usize,
    heads: u64,
}

/// What became of the octets that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// So many are good. What is behind them must be shown again, with more.
    pub(crate) good: usize,
    /// What is wrong behind them. Nothing that follows is judged.
    pub(crate) fault: Option<Wrong>,
}

/// What is wrong, and whom that concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    /// The head behind the good octets.
    Head(ClientFault),
    /// The framing of the content of the head before.
    Content,
}

/// The limits of a head, and of a trailer section.
struct Bounds {
    line: usize,
    fields: usize,
    fields_size: usize,
}

/// What is read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// A request line, or the one empty line that may stand before it.
    RequestLine,
    /// A request line.
    RequestLineAtLast,
    Fields,
    /// So many octets of content.
    Length(u64),
    ChunkSize,
    /// So many octets of a chunk.
    Chunk(u64),
    /// The CR behind a chunk.
    ChunkCr,
    /// The LF behind that.
    ChunkLf,
    Trailers,
    /// Nobody can say: the request asked for an upgrade.
    Upgrade,
    /// Another protocol.
    Upgraded,
    /// Nothing: something was wrong.
    Wrong,
}

/// What a head says about what follows it.
#[derive(Default)]
struct Head {
    is_http_11: bool,
    length: Option<u64>,
    is_chunked: bool,
    asks_for_upgrade: bool,
}

/// How much there has been of a field section.
#[derive(Default)]
struct Fields {
    count: usize,
    size: usize,
}

/// Whether there is more to judge.
type Goes = Result<bool, Wrong>;

impl Strict {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            bounds: Bounds {
                line: limits.max_request_line_size,
                fields: limits.max_request_fields.min(MAX_FIELDS),
                fields_size: limits.max_request_fields_size,
            },
            phase: Phase::RequestLine,
            head: Head::default(),
            fields: Fields::default(),
            extensions: 0,
            line: 0,
            searched: 0,
            heads: 0,
        }
    }

    /// Judges octets: those that were shown last time and not found good, and what has come since.
    pub(crate) fn check(&mut self, octets: &[u8]) -> Verdict {
        let mut good = 0;
        let fault = loop {
            match self.step(octets, &mut good) {
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

    /// How many heads were good.
    pub(crate) fn heads(&self) -> u64 {
        self.heads
    }

    /// Whether all was found good, and a head comes next.
    pub(crate) fn is_between_heads(&self) -> bool {
        self.phase == Phase::RequestLine && self.line == 0 && self.searched == 0
    }

    /// Whether what was not found good yet is part of a head.
    pub(crate) fn is_in_head(&self) -> bool {
        matches!(self.phase, Phase::RequestLine | Phase::RequestLineAtLast | Phase::Fields)
    }

    /// Whether nothing is good any more until it is known what became of an upgrade: [`Strict::decline`] or
    /// [`Strict::stop`].
    pub(crate) fn awaits_upgrade(&self) -> bool {
        self.phase == Phase::Upgrade
    }

    /// The upgrade was declined: what follows is the next request.
    pub(crate) fn decline(&mut self) {
        if self.awaits_upgrade() {
            self.phase = Phase::RequestLine;
        }
    }

    /// What follows is not HTTP: all of it is good.
    pub(crate) fn stop(&mut self) {
        self.phase = Phase::Upgraded;
    }

    /// One line, or as much content as there is.
    fn step(&mut self, octets: &[u8], good: &mut usize) -> Goes {
        let rest = octets.get(self.line..).unwrap_or_default();
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
            Phase::ChunkCr => self.read_octet(rest, b'\r', Phase::ChunkLf, good),
            Phase::ChunkLf => self.read_octet(rest, b'\n', Phase::ChunkSize, good),
            Phase::Upgraded => {
                self.pass(rest.len(), good);
                Ok(false)
            }
            Phase::Upgrade | Phase::Wrong => Ok(false),
        }
    }

    fn pass(&mut self, octets: usize, good: &mut usize) {
        self.line += octets;
        *good = self.line;
    }

    /// The line that `rest` begins with, and whether it is whole.
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
            // RFC 9112 §2.2: one empty line, which some clients send behind content.
            b"\r\n" if self.phase == Phase::RequestLine => {
                self.phase = Phase::RequestLineAtLast;
                self.line += line.len();
                return Ok(true);
            }
            // At once, for a client that speaks another protocol may never send a line end.
            [first, ..] if !is_token(*first) => return Err(Wrong::Head(ClientFault::RequestLine)),
            _ if line.len() > self.bounds.line => return Err(Wrong::Head(ClientFault::RequestLineTooLong)),
            _ if !is_whole => return Ok(false),
            _ => {}
        }
        self.head = Head { is_http_11: is_http_11(line).map_err(Wrong::Head)?, ..Head::default() };
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

    /// The fast way through lines that are whole and good, in one pass over each. It leaves every other line to the
    /// slow way, which knows what is wrong with it.
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
        self.phase = match (self.head.is_chunked, self.head.length) {
            // RFC 9112 §6.3: it ought to be handled as an error.
            (true, Some(_)) => return Err(ClientFault::TwoLengths),
            // RFC 9112 §6.1: its framing is faulty, even where it looks right.
            (true, None) if !self.head.is_http_11 => return Err(ClientFault::TransferCoding),
            (true, None) => Phase::ChunkSize,
            (false, length) => Phase::Length(length.unwrap_or(0)),
        };
        self.extensions = 0;
        self.heads += 1;
        Ok(())
    }

    fn end_content(&mut self) {
        // hyper takes any Upgrade field of HTTP/1.1 for a wish, and leaves it to `upgrade` to answer.
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

    fn read_octet(&mut self, rest: &[u8], expected: u8, next: Phase, good: &mut usize) -> Goes {
        match rest.first() {
            None => Ok(false),
            Some(octet) if *octet == expected => {
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
                field(line).map_err(|_| Wrong::Content)?;
            }
        }
        self.pass(line.len(), good);
        Ok(true)
    }
}

impl Fields {
    /// Counts a line, of which there may be more. That there are too many is known from its first octet on, so that
    /// the verdict is the same however it comes.
    fn count(&mut self, line: &[u8], is_whole: bool, bounds: &Bounds) -> Result<(), ClientFault> {
        if self.count >= bounds.fields {
            return Err(ClientFault::FieldsTooMany);
        }
        let size = self.size.saturating_add(line.len());
        if size > bounds.fields_size {
            return Err(ClientFault::FieldsTooLarge);
        }
        if is_whole {
            *self = Self { count: self.count + 1, size };
        }
        Ok(())
    }
}

impl Head {
    /// Remembers a field that says where the request ends.
    fn learn(&mut self, name: &[u8], line: &[u8]) -> Result<(), ClientFault> {
        let value = || line.get(name.len() + 1..).unwrap_or_default().trim_ascii();
        match name.len() {
            7 if name.eq_ignore_ascii_case(b"upgrade") => self.asks_for_upgrade = true,
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = length(value()).ok_or(ClientFault::ContentLength)?;
                // RFC 9112 §6.3 allows to take equal ones for one; no client sends any.
                if self.length.replace(length).is_some() {
                    return Err(ClientFault::ContentLength);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                let is_only = !std::mem::replace(&mut self.is_chunked, true);
                if !is_only || !value().eq_ignore_ascii_case(b"chunked") {
                    return Err(ClientFault::TransferCoding);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// RFC 9112 §3: method, target and version, with single spaces between them.
fn is_http_11(line: &[u8]) -> Result<bool, ClientFault> {
    let line = without_end(line)?;
    let method = token_size(line);
    let (target, version) = match (method, line.get(method..)) {
        (1.., Some([b' ', rest @ ..])) => rest.split_last_chunk::<9>().ok_or(ClientFault::RequestLine)?,
        _ => return Err(ClientFault::RequestLine),
    };
    if target.is_empty() || !target.iter().all(|octet| matches!(octet, 0x21..=0x7e)) {
        return Err(ClientFault::RequestLine);
    }
    match version {
        b" HTTP/1.1" => Ok(true),
        b" HTTP/1.0" => Ok(false),
        [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => Err(ClientFault::Version),
        _ => Err(ClientFault::RequestLine),
    }
}

/// The name of a field line and the line, if `rest` begins with one that is whole and good.
fn good_field(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let name = token_size(rest);
    let value = rest.get(name..)?.strip_prefix(b":")?;
    let size = text_size(value);
    let is_good = name > 0 && value.get(size..)?.starts_with(b"\r\n");
    is_good.then(|| (&rest[..name], &rest[..name + 1 + size + 2]))
}

/// RFC 9112 §5 and RFC 9110 §5.5: a name, a colon at once, a value without control characters. Gives the name.
fn field(line: &[u8]) -> Result<&[u8], ClientFault> {
    let line = without_end(line)?;
    let (name, rest) = line.split_at(token_size(line));
    match rest {
        [b':', value @ ..] if !name.is_empty() && text_size(value) == value.len() => Ok(name),
        _ => Err(ClientFault::FieldLine),
    }
}

/// RFC 9112 §2.2 allows to take LF alone for a line end; who does must be sure that all before and behind do too.
fn without_end(line: &[u8]) -> Result<&[u8], ClientFault> {
    line.strip_suffix(b"\r\n").ok_or(ClientFault::LineEnd)
}

/// RFC 9112 §6.3: decimal digits. Less than 64 bits, as in Kestrel.
fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |length, octet| match octet {
        b'0'..=b'9' => length.checked_mul(10)?.checked_add(u64::from(octet - b'0')),
        _ => None,
    })?;
    (length <= i64::MAX as u64).then_some(length)
}

/// RFC 9112 §7.1: the size of a chunk, and how much its extensions take. Without the white space that the RFC calls
/// bad and asks to be lenient about: no client sends any, and what two parties may read differently smuggles.
fn chunk_size(line: &[u8]) -> Option<(u64, usize)> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    let (digits, extensions) = line.split_at(digits);
    if digits.is_empty() || digits.len() > MAX_DIGITS {
        return None;
    }
    let size = digits.iter().fold(0, |size, digit| size << 4 | u64::from(hex(*digit)));
    are_extensions(extensions).then_some((size, extensions.len()))
}

/// The value of a digit.
fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20).wrapping_sub(b'a' - 10),
    }
}

/// RFC 9112 §7.1.1: `;name`, `;name=token` or `;name="quoted"`, any number of them.
fn are_extensions(mut rest: &[u8]) -> bool {
    while let [first, name @ ..] = rest {
        let size = token_size(name);
        if *first != b';' || size == 0 {
            return false;
        }
        rest = &name[size..];
        if let [b'=', value @ ..] = rest {
            let size = if let [b'"', ..] = value { quoted_size(value) } else { token_size(value) };
            if size == 0 {
                return false;
            }
            rest = &value[size..];
        }
    }
    true
}

/// RFC 9110 §5.6.4: how long the quoted string is that `octets` begins with. 0: it is none.
fn quoted_size(octets: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match octets.get(at..).unwrap_or_default() {
            [b'"', ..] => return at + 1,
            [b'\\', escaped, ..] if is_text(*escaped) => at += 2,
            [octet, ..] if *octet != b'\\' && is_text(*octet) => at += 1,
            _ => return 0,
        }
    }
}

/// How much of `octets` may stand in a value, from the first on.
fn text_size(octets: &[u8]) -> usize {
    let mut size = 0;
    loop {
        let rest = &octets[size..];
        // Eight at once: the lowest high bit marks the first octet that is below 0x20 or is 0x7f.
        let found = match rest.first_chunk::<8>() {
            Some(eight) => {
                let eight = u64::from_le_bytes(*eight);
                let delete = eight ^ (EACH * 0x7f);
                let below = eight.wrapping_sub(EACH * 0x20) & !eight;
                let marks = (below | delete.wrapping_sub(EACH) & !delete) & (EACH * 0x80);
                (marks.trailing_zeros() / 8) as usize
            }
            None => rest.iter().position(|octet| !is_text(*octet)).unwrap_or(rest.len()),
        };
        size += found;
        match octets.get(size) {
            Some(b'\t') => size += 1,
            Some(_) if found == 8 => {}
            _ => return size,
        }
    }
}

/// RFC 9110 §5.5: what may stand in a value.
fn is_text(octet: u8) -> bool {
    (octet >= b' ' || octet == b'\t') & (octet != 0x7f)
}

/// How long the token is that `octets` begins with.
fn token_size(octets: &[u8]) -> usize {
    octets.iter().position(|octet| !is_token(*octet)).unwrap_or(octets.len())
}

/// RFC 9110 §5.6.2.
fn is_token(octet: u8) -> bool {
    TOKEN[usize::from(octet)]
}

static TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut octet = 0;
    while octet < 256 {
        token[octet] = (octet as u8).is_ascii_alphanumeric();
        octet += 1;
    }
    let mut marks = b"!#$%&'*+-.^_`|~".as_slice();
    while let [mark, rest @ ..] = marks {
        token[*mark as usize] = true;
        marks = rest;
    }
    token
};

/// What a field section may be configured to hold at most: `http`'s map panics above 24,576.
pub(crate) const MAX_FIELDS: usize = 10_000;

/// One in each octet.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Digits of a chunk's size: 64 bits.
const MAX_DIGITS: usize = 16;

/// What chunk extensions may take in one content. RFC 9112 §7.1.1 asks for a bound; no client of today sends any, and
/// without one a client can send much that counts as nothing.
const MAX_EXTENSIONS: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a connection's octets: how many are good, of how many heads, and what is wrong behind them.
    type Outcome = (usize, u64, Option<Wrong>);

    fn limits() -> Limits {
        Limits { max_request_line_size: 40, max_request_fields_size: 100, max_request_fields: 4, ..Limits::default() }
    }

    /// Judges octets that come in these pieces.
    fn judge<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Outcome {
        let (mut strict, mut shown, mut good) = (Strict::new(&limits()), Vec::new(), 0);
        for piece in pieces {
            shown.extend_from_slice(piece);
            let verdict = strict.check(&shown);
            shown.drain(..verdict.good);
            good += verdict.good;
            if verdict.fault.is_some() {
                return (good, strict.heads(), verdict.fault);
            }
        }
        (good, strict.heads(), None)
    }

    /// Judges octets in every way they can come in one piece or two, and one by one.
    fn judge_all(octets: &[u8]) -> Outcome {
        let outcome = judge([octets]);
        assert_eq!(judge(octets.chunks(1)), outcome, "one by one: {}", octets.escape_ascii());
        for at in 1..octets.len() {
            let (first, second) = octets.split_at(at);
            assert_eq!(judge([first, second]), outcome, "split at {at}: {}", octets.escape_ascii());
        }
        outcome
    }

    /// The fault of a head.
    fn head(octets: &[u8]) -> Option<ClientFault> {
        match judge_all(octets) {
            (0, 0, Some(Wrong::Head(fault))) => Some(fault),
            (good, 1, None) if good == octets.len() => None,
            outcome => panic!("{}: {outcome:?}", octets.escape_ascii()),
        }
    }

    #[test]
    fn a_request_line_is_three_parts_with_single_spaces() {
        use ClientFault::{LineEnd, RequestLine, RequestLineTooLong, Version};
        for (line, expected) in [
            (&b"GET / HTTP/1.1\r\n"[..], None),
            (b"GET / HTTP/1.0\r\n", None),
            (b"\r\nGET / HTTP/1.1\r\n", None),
            (b"M-SEARCH * HTTP/1.1\r\n", None),
            (b"GET /#{}|\"<\xff HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET /234567890123456789012345 HTTP/1.1\r\n", None),
            (b"GET /2345678901234567890123456 HTTP/1.1\r\n", Some(RequestLineTooLong)),
            (b"GET /23456789012345678901234\0 HTTP/1.1\r\n", Some(RequestLine)),
            (b"\r\n\r\nGET / HTTP/1.1\r\n", Some(RequestLine)),
            (b"\nGET / HTTP/1.1\r\n", Some(RequestLine)),
            (b"\rGET / HTTP/1.1\r\n", Some(RequestLine)),
            (b" GET / HTTP/1.1\r\n", Some(RequestLine)),
            (b"G@T / HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET\t/ HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET  / HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET /  HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET / HTTP/1.1 \r\n", Some(RequestLine)),
            (b"GET /a b HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET /a\tb HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET /\x7f HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET  HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET HTTP/1.1\r\n", Some(RequestLine)),
            (b"GET /\r\n", Some(RequestLine)),
            (b"GET\r\n", Some(RequestLine)),
            (b"GET / http/1.1\r\n", Some(RequestLine)),
            (b"GET / HTTP/11.1\r\n", Some(RequestLine)),
            (b"GET / HTTP/2\r\n", Some(RequestLine)),
            (b"GET / HTTP/1.2\r\n", Some(Version)),
            (b"GET / HTTP/0.9\r\n", Some(Version)),
            (b"PRI * HTTP/2.0\r\n", Some(Version)),
            (b"GET / HTTP/1.1\n", Some(LineEnd)),
            (b"GET / HTTP/1.1\r\r\n", Some(RequestLine)),
        ] {
            assert_eq!(head(&[line, b"host: a\r\n\r\n"].concat()), expected, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn what_cannot_become_a_request_line_is_refused_before_its_end() {
        assert_eq!(judge_all(b"\x16\x03\x01").2, Some(Wrong::Head(ClientFault::RequestLine)));
        let long = judge_all(&[b'x'; 41]);
        assert_eq!(long, (0, 0, Some(Wrong::Head(ClientFault::RequestLineTooLong))));
        assert_eq!(judge_all(&[b'x'; 40]), (0, 0, None));
    }

    #[test]
    fn a_field_line_is_a_name_a_colon_and_a_value() {
        use ClientFault::{FieldLine, FieldsTooLarge, FieldsTooMany, LineEnd};
        for (fields, expected) in [
            (&b""[..], None),
            (b"a: b\r\n", None),
            (b"a:\r\nb:\t \xff~\r\n", None),
            (b"a: b\n", Some(LineEnd)),
            (b"a: b\r\r\n", Some(FieldLine)),
            (b"a: b\rc\r\n", Some(FieldLine)),
            (b"a: b\0c\r\n", Some(FieldLine)),
            (b"a: \x7f\r\n", Some(FieldLine)),
            (b"a: \x1b\r\n", Some(FieldLine)),
            (b" a: b\r\n", Some(FieldLine)),
            (b"a: b\r\n c\r\n", Some(FieldLine)),
            (b"a: b\r\n\tc\r\n", Some(FieldLine)),
            (b"a : b\r\n", Some(FieldLine)),
            (b"a b: c\r\n", Some(FieldLine)),
            (b"a\t: b\r\n", Some(FieldLine)),
            (b": b\r\n", Some(FieldLine)),
            (b"a\r\n", Some(FieldLine)),
            (b"a\x80: b\r\n", Some(FieldLine)),
            (b"a(: b\r\n", Some(FieldLine)),
            (b"\ra: b\r\n", Some(FieldLine)),
            (b"a:1\r\nb:2\r\nc:3\r\nd:4\r\n", None),
            (b"a:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\n", Some(FieldsTooMany)),
        ] {
            let octets = [b"GET / HTTP/1.1\r\n", fields, b"\r\n"].concat();
            assert_eq!(head(&octets), expected, "{}", fields.escape_ascii());
        }
        let sized = |size: usize| format!("GET / HTTP/1.1\r\na:{}\r\n\r\n", "b".repeat(size - 4));
        assert_eq!(head(sized(100).as_bytes()), None);
        assert_eq!(head(sized(101).as_bytes()), Some(FieldsTooLarge));
    }

    #[test]
    fn a_request_says_once_and_in_one_way_how_long_it_is() {
        use ClientFault::{ContentLength, TransferCoding, TwoLengths};
        for (fields, expected) in [
            ("content-length: 0", None),
            ("Content-Length:\t000 ", None),
            ("transfer-encodin: gzip", None),
            ("content-length: ", Some(ContentLength)),
            ("content-length: +1", Some(ContentLength)),
            ("content-length: -1", Some(ContentLength)),
            ("content-length: 0x1", Some(ContentLength)),
            ("content-length: 1 1", Some(ContentLength)),
            ("content-length: 1, 1", Some(ContentLength)),
            ("content-length: 9223372036854775808", Some(ContentLength)),
            ("content-length: 18446744073709551617", Some(ContentLength)),
            ("content-length: 0\r\ncontent-length: 0", Some(ContentLength)),
            ("content-length: 0\r\nCONTENT-LENGTH: 1", Some(ContentLength)),
            ("transfer-encoding: gzip", Some(TransferCoding)),
            ("transfer-encoding: chunked, gzip", Some(TransferCoding)),
            ("transfer-encoding: gzip, chunked", Some(TransferCoding)),
            ("transfer-encoding: chunked, chunked", Some(TransferCoding)),
            ("transfer-encoding: \"chunked\"", Some(TransferCoding)),
            ("transfer-encoding: chunked;q=1", Some(TransferCoding)),
            ("transfer-encoding: \x0bchunked", Some(ClientFault::FieldLine)),
            ("transfer-encoding:", Some(TransferCoding)),
            ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", Some(TransferCoding)),
            ("transfer-encoding: chunked\r\ncontent-length: 0", Some(TwoLengths)),
            ("content-length: 0\r\ntransfer-encoding: chunked", Some(TwoLengths)),
        ] {
            assert_eq!(head(format!("POST / HTTP/1.1\r\n{fields}\r\n\r\n").as_bytes()), expected, "{fields}");
        }
        let old = b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        assert_eq!(head(old), Some(TransferCoding));
    }

    #[test]
    fn requests_follow_each_other_behind_their_content() {
        for octets in [
            &b"GET / HTTP/1.1\r\n\r\nGET / HTTP/1.0\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n\n\0\rGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc\r\nGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\n\r\n\0\r\n0\r\na: b\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(judge_all(octets), (octets.len(), 2, None), "{}", octets.escape_ascii());
        }
        let second_is_wrong = b"GET / HTTP/1.1\r\n\r\n\r\nGET / HTTP/1.1\r\na: b\n\r\n";
        assert_eq!(judge_all(second_is_wrong), (18, 1, Some(Wrong::Head(ClientFault::LineEnd))));
    }

    #[test]
    fn chunks_are_framed_exactly() {
        let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let whole = |content: &[u8]| match judge_all(&[head, content].concat()) {
            (good, 1, None) => good == head.len() + content.len(),
            (_, 1, Some(Wrong::Content)) => false,
            outcome => panic!("{}: {outcome:?}", content.escape_ascii()),
        };
        for good in [
            &b"1\r\na\r\n0\r\n\r\n"[..],
            b"0001\r\na\r\n000\r\n\r\n",
            b"000000000000000A\r\n0123456789\r\n",
            b"aB\r\n",
            b"ffffffffffffffff\r\nabc",
            b"1;a\r\na\r\n0;b=c;d=\"e\\\"f\"\r\n\r\n",
            b"1;a=\"\"\r\na\r\n",
            b"1;a=\"\\\\\";b\r\na\r\n",
            b"0\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\n\r\n",
        ] {
            assert!(whole(good), "{}", good.escape_ascii());
        }
        for bad in [
            &b"g\r\n"[..],
            b"\r\n",
            b"-1\r\n",
            b"0x1\r\n",
            b" 1\r\n",
            b"1 \r\n",
            b"1\t;a\r\n",
            b"1\n",
            b"1\r\r\n",
            b"1\r;a\r\n",
            b"00000000000000001\r\n",
            b"1;\r\n",
            b"1;;a\r\n",
            b"1; a\r\n",
            b"1;a =b\r\n",
            b"1;a= b\r\n",
            b"1;a=\r\n",
            b"1;a b\r\n",
            b"1;a=\"\r\n",
            b"1;a=\"\\\"\r\n",
            b"1;a=\"b\"c\r\n",
            b"1;a\rb\r\n",
            b"1;a\n",
            b"1;a=\"\n\"\r\n",
            b"1;a=\"\0\"\r\n",
            b"1;\xff\r\n",
            b"1\r\nab\r\n",
            b"1\r\na\n",
            b"1\r\na\rb",
            b"1\r\na0\r\n\r\n",
            b"0\r\n\n",
            b"0\r\na: b\n\r\n",
            b"0\r\na: b\rc\r\n\r\n",
            b"0\r\n a: b\r\n\r\n",
            b"0\r\na : b\r\n\r\n",
            b"0\r\na:1\r\nb:2\r\nc:3\r\nd:4\r\ne:5\r\n\r\n",
        ] {
            assert!(!whole(bad), "{}", bad.escape_ascii());
        }
        let trailer = |size: usize| format!("0\r\na:{}\r\n\r\n", "b".repeat(size - 4));
        assert!(whole(trailer(100).as_bytes()) && !whole(trailer(101).as_bytes()));
    }

    #[test]
    fn extensions_are_bounded_over_the_whole_content() {
        let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
        let chunk = |extension: usize| format!("1;{}\r\na\r\n", "b".repeat(extension - 1)).into_bytes();
        let of = |chunks: &[usize]| {
            judge([[head.clone(), chunks.iter().flat_map(|size| chunk(*size)).collect()].concat().as_slice()])
        };
        assert_eq!(of(&[MAX_EXTENSIONS]).2, None);
        assert_eq!(of(&[MAX_EXTENSIONS + 1]).2, Some(Wrong::Content));
        assert_eq!(of(&[MAX_EXTENSIONS - 9, 9]).2, None);
        assert_eq!(of(&[MAX_EXTENSIONS - 9, 10]).2, Some(Wrong::Content));
        let endless = [head.as_slice(), &[b'1'; MAX_DIGITS + MAX_EXTENSIONS + 3]];
        assert_eq!(judge(endless).2, Some(Wrong::Content), "without a line end");
    }

    #[test]
    fn what_is_behind_a_wish_for_an_upgrade_waits_for_the_answer() {
        let asking = b"GET / HTTP/1.1\r\nUpgrade: x\r\n\r\n";
        let then = |behind: &[u8]| judge_all(&[asking, behind].concat());
        assert_eq!(then(b"\0"), (asking.len(), 1, None));
        let mut strict = Strict::new(&limits());
        strict.check(asking);
        assert!(strict.awaits_upgrade());
        strict.decline();
        let octets = b"GET / HTTP/1.1\r\n\r\n";
        assert_eq!(strict.check(octets), Verdict { good: octets.len(), fault: None });
        assert_eq!(strict.check(b"\0").fault, Some(Wrong::Head(ClientFault::RequestLine)));
        let mut strict = Strict::new(&limits());
        strict.check(asking);
        strict.stop();
        assert_eq!(strict.check(b"\0\n"), Verdict { good: 2, fault: None });
        // With content, the wish is answered behind it. In HTTP/1.0 there is none.
        let with_content = b"GET / HTTP/1.1\r\nupgrade: x\r\ncontent-length: 1\r\n\r\na\0";
        assert_eq!(judge_all(with_content), (with_content.len() - 1, 1, None));
        let old = b"GET / HTTP/1.0\r\nupgrade: x\r\n\r\n\0";
        assert_eq!(judge_all(old).2, Some(Wrong::Head(ClientFault::RequestLine)));
    }

    /// Measured, not compared: `cargo test --release -p windhover-http -- --ignored --nocapture a_head_takes`.
    #[test]
    #[ignore = "it measures, and wants a core for itself"]
    fn a_head_takes_so_long() {
        for (name, octets) in [("curl", CURL), ("browser", BROWSER)] {
            let mut strict = Strict::new(&Limits::default());
            let best = (0..50).map(|_| {
                let begun = std::time::Instant::now();
                for _ in 0..10_000 {
                    assert_eq!(strict.check(std::hint::black_box(octets)).good, octets.len());
                }
                begun.elapsed().as_nanos() / 10_000
            });
            println!("{name}, {} octets: {} ns", octets.len(), best.min().unwrap_or_default());
        }
    }

    const CURL: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

    const BROWSER: &[u8] = b"GET /products/list?page=2&sort=price HTTP/1.1\r\n\
        Host: shop.example.com\r\n\
        User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
        Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
        Accept-Language: en-US,en;q=0.5\r\n\
        Accept-Encoding: gzip, deflate, br, zstd\r\n\
        Connection: keep-alive\r\n\
        Cookie: session=0123456789abcdef0123456789abcdef\r\n\
        Upgrade-Insecure-Requests: 1\r\n\
        Sec-Fetch-Dest: document\r\n\
        Sec-Fetch-Mode: navigate\r\n\
        Sec-Fetch-Site: none\r\n\
        Priority: u=0, i\r\n\
        \r\n";
}
