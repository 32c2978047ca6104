//! The grammar of a line, in pure functions: RFC 9112 for requests and chunks, RFC 9110 for what stands in fields.

use http::HeaderName;
use windhover_contract::{ClientFault, Target, may_be_trailer};

/// A version of HTTP that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http10,
    Http11,
    /// HTTP/1.2 to HTTP/1.9, which do not exist. RFC 9110 §2.5: processed as the highest known version.
    Higher,
}

/// RFC 9112 §3: method, target and version, with single spaces between them.
pub(super) fn request_line(line: &[u8]) -> Result<Spoken, ClientFault> {
    let line = without_end(line)?;
    let method = token_size(line);
    let (target, version) = match (method, line.get(method..)) {
        (1.., Some([b' ', rest @ ..])) => rest.split_last_chunk::<9>().ok_or(ClientFault::RequestLine)?,
        _ => return Err(ClientFault::RequestLine),
    };
    let spoken = match version {
        b" HTTP/1.1" => Spoken::Http11,
        b" HTTP/1.0" => Spoken::Http10,
        [b' ', b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'2'..=b'9'] => Spoken::Higher,
        [b' ', b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => return Err(ClientFault::Version),
        _ => return Err(ClientFault::RequestLine),
    };
    let malformed = |fault| {
        let is_one_word = !target.is_empty() && target.iter().all(|byte| matches!(byte, 0x21..=0x7e));
        if is_one_word { fault } else { ClientFault::RequestLine }
    };
    Target::check(target).map_err(malformed)?;
    Ok(spoken)
}

/// The name of a field line and the line, if `rest` begins with one that is complete and valid.
pub(super) fn good_field(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let name = token_size(rest);
    let value = rest.get(name..)?.strip_prefix(b":")?;
    let size = text_size(value);
    let is_good = name > 0 && value.get(size..)?.starts_with(b"\r\n");
    is_good.then(|| (&rest[..name], &rest[..name + 1 + size + 2]))
}

/// RFC 9112 §5 and RFC 9110 §5.5: a name, a colon at once, a value without control characters. Gives the name.
pub(super) fn field(line: &[u8]) -> Result<&[u8], ClientFault> {
    let line = without_end(line)?;
    let (name, rest) = line.split_at(token_size(line));
    match rest {
        [b':', value @ ..] if !name.is_empty() && text_size(value) == value.len() => Ok(name),
        _ => Err(ClientFault::FieldLine),
    }
}

/// RFC 9112 §7.1.2: a field behind the last chunk.
pub(super) fn is_trailer(line: &[u8]) -> bool {
    let name = field(line).ok().and_then(|name| HeaderName::from_bytes(name).ok());
    name.is_some_and(|name| may_be_trailer(&name))
}

/// RFC 9112 §2.2 allows LF alone as a line end. That is safe only if all parties before and behind do the same.
pub(super) fn without_end(line: &[u8]) -> Result<&[u8], ClientFault> {
    line.strip_suffix(b"\r\n").ok_or(ClientFault::LineEnd)
}

/// RFC 9112 §6.3: decimal digits. Less than 64 bits, as in Kestrel.
pub(super) fn length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |length, byte| match byte {
        b'0'..=b'9' => length.checked_mul(10)?.checked_add(u64::from(byte - b'0')),
        _ => None,
    })?;
    (length <= i64::MAX as u64).then_some(length)
}

/// RFC 9112 §7.1: the size of a chunk, and how much its extensions take. The white space that the RFC calls bad and
/// asks to tolerate is refused: no client sends any, and what two parties may read differently is how requests are
/// smuggled.
pub(super) fn chunk_size(line: &[u8]) -> Option<(u64, usize)> {
    let line = line.strip_suffix(b"\r\n")?;
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
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

/// RFC 9110 §5.6.4: how long the quoted string is that `bytes` begins with. 0: it is none.
fn quoted_size(bytes: &[u8]) -> usize {
    let mut at = 1;
    loop {
        match bytes.get(at..).unwrap_or_default() {
            [b'"', ..] => return at + 1,
            [b'\\', escaped, ..] if is_text(*escaped) => at += 2,
            [byte, ..] if *byte != b'\\' && is_text(*byte) => at += 1,
            _ => return 0,
        }
    }
}

/// How many of the first bytes may stand in a value.
fn text_size(bytes: &[u8]) -> usize {
    let mut size = 0;
    loop {
        let rest = &bytes[size..];
        // Eight at once: the lowest high bit marks the first byte that is below 0x20 or is 0x7f.
        let found = match rest.first_chunk::<8>() {
            Some(eight) => {
                let eight = u64::from_le_bytes(*eight);
                let delete = eight ^ (EACH * 0x7f);
                let below = eight.wrapping_sub(EACH * 0x20) & !eight;
                let marks = (below | delete.wrapping_sub(EACH) & !delete) & (EACH * 0x80);
                (marks.trailing_zeros() / 8) as usize
            }
            None => rest.iter().position(|byte| !is_text(*byte)).unwrap_or(rest.len()),
        };
        size += found;
        match bytes.get(size) {
            Some(b'\t') => size += 1,
            Some(_) if found == 8 => {}
            _ => return size,
        }
    }
}

/// RFC 9110 §5.5: what may stand in a value.
fn is_text(byte: u8) -> bool {
    (byte >= b' ' || byte == b'\t') & (byte != 0x7f)
}

/// How long the token is that `bytes` begins with.
pub(super) fn token_size(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !is_token(*byte)).unwrap_or(bytes.len())
}

/// RFC 9110 §5.6.2.
pub(super) fn is_token(byte: u8) -> bool {
    TOKEN[usize::from(byte)]
}

static TOKEN: [bool; 256] = {
    let mut token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        token[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut marks = b"!#$%&'*+-.^_`|~".as_slice();
    while let [mark, rest @ ..] = marks {
        token[*mark as usize] = true;
        marks = rest;
    }
    token
};

/// One in each byte.
const EACH: u64 = 0x0101_0101_0101_0101;

/// Digits of a chunk's size: 64 bits.
pub(super) const MAX_DIGITS: usize = 16;
