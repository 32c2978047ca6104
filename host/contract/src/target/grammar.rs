//! What a request target is made of (RFC 9112 §3.2), as one rule for every server and every version of HTTP.
//!
//! RFC 3986 and the URL Standard (WHATWG) differ in what a client escapes. A character that one of them sends as it is,
//! is taken, because clients send it; one that both escape is refused:
//!
//! | | path | query |
//! |---|---|---|
//! | RFC 3986: letters, digits, `-._~`, `!$&'()*+,;=`, `:@/%` | yes | yes |
//! | `?` | begins the query | yes |
//! | URL Standard: `[]\^{\|}` | yes | yes |
//! | URL Standard: `` ` ``, which it escapes in a path | no | yes |
//! | `"<>`, `#`, spaces, control characters, what is not ASCII | no | no |
//!
//! `#` begins a fragment, which is the client's own and no part of a target: a server that takes it for part of the path
//! and one that cuts it off see two targets (CVE-2023-45539). A `%` need not begin an escape: the URL Standard sends one
//! that does not as it is, and Kestrel takes it.

use std::net::Ipv6Addr;

/// Whether these bytes are a target in one of the four forms of RFC 9112 §3.2. Whether its form fits the method is for
/// [`super::Target::resolve`].
pub(super) fn is_target(bytes: &[u8]) -> bool {
    match bytes {
        b"*" => true,
        [b'/', ..] => is_path_and_query(bytes),
        _ => match behind_scheme(bytes) {
            Some(rest) => {
                let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
                is_authority(&rest[..end]) && is_path_and_query(&rest[end..])
            }
            None => is_authority(bytes),
        },
    }
}

/// Whether each character of a path, and of the query behind it, may stand there.
pub(super) fn is_path_and_query(bytes: &[u8]) -> bool {
    let is_in = |part: &[u8], class: u8| part.iter().all(|byte| CLASSES[usize::from(*byte)] & class != 0);
    match bytes.iter().position(|byte| *byte == b'?') {
        None => is_in(bytes, PATH),
        Some(at) => is_in(&bytes[..at], PATH) && is_in(&bytes[at + 1..], QUERY),
    }
}

/// Whether these bytes are a host and perhaps a port (RFC 9110 §7.2, RFC 3986 §3.2.2). Without a user, which no target
/// of HTTP has (RFC 9110 §4.2.4), and without escapes: the names of hosts have none.
pub(super) fn is_authority(bytes: &[u8]) -> bool {
    let (is_host, port) = match bytes {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let address = str::from_utf8(&rest[..end]).ok().map(str::parse::<Ipv6Addr>);
            (matches!(address, Some(Ok(_))), &rest[end + 1..])
        }
        _ => {
            let end = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
            let host = &bytes[..end];
            (end > 0 && host.iter().all(|byte| CLASSES[usize::from(*byte)] & NAME != 0), &bytes[end..])
        }
    };
    is_host && is_port(port)
}

/// RFC 3986 §3.2.3: nothing, or a colon and digits, which may be none.
fn is_port(bytes: &[u8]) -> bool {
    let [b':', digits @ ..] = bytes else { return bytes.is_empty() };
    let port = digits.iter().try_fold(0_u16, |port, digit| match digit {
        b'0'..=b'9' => port.checked_mul(10)?.checked_add(u16::from(digit - b'0')),
        _ => None,
    });
    port.is_some()
}

/// What stands behind `scheme://` (RFC 3986 §3.1), where bytes begin with that.
fn behind_scheme(bytes: &[u8]) -> Option<&[u8]> {
    let is_of_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    let size = bytes.iter().position(|byte| !is_of_scheme(byte))?;
    let is_scheme = bytes[0].is_ascii_alphabetic() && size <= MAX_SCHEME;
    bytes[size..].strip_prefix(b"://").filter(|_| is_scheme)
}

/// As long as `http`'s: of the registered ones the longest has 36.
const MAX_SCHEME: usize = 64;

/// May stand in a path.
const PATH: u8 = 1;
/// May stand in a query.
const QUERY: u8 = 2;
/// May stand in the name of a host.
const NAME: u8 = 4;

static CLASSES: [u8; 256] = {
    const fn add(classes: &mut [u8; 256], mut characters: &[u8], class: u8) {
        while let [character, rest @ ..] = characters {
            classes[*character as usize] |= class;
            characters = rest;
        }
    }
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        if (byte as u8).is_ascii_alphanumeric() {
            classes[byte] = PATH | QUERY | NAME;
        }
        byte += 1;
    }
    add(&mut classes, b"-._~!$&'()*+,;=", PATH | QUERY | NAME);
    add(&mut classes, b":@/%", PATH | QUERY);
    add(&mut classes, b"?", QUERY);
    add(&mut classes, b"[]\\^{|}", PATH | QUERY);
    add(&mut classes, b"`", QUERY);
    classes
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_is_taken_in_a_path_and_in_a_query_as_the_table_says() {
        let both: &[u8] = b"-._~!$&'()*+,;=:@/%[]\\^{|}";
        for byte in 0..=255_u8 {
            let in_both = byte.is_ascii_alphanumeric() || both.contains(&byte);
            // `?` in a path begins the query.
            let in_path = in_both || byte == b'?';
            let in_query = in_both || matches!(byte, b'?' | b'`');
            let shown = [byte].escape_ascii().to_string();
            assert_eq!(is_target(&[b"/a", &[byte][..], b"b"].concat()), in_path, "{shown} in a path");
            assert_eq!(is_target(&[b"/a?", &[byte][..], b"b"].concat()), in_query, "{shown} in a query");
            assert_eq!(is_target(&[b"http://a/", &[byte][..]].concat()), in_path, "{shown} in an absolute form");
        }
    }

    #[test]
    fn what_is_a_target_is_one_to_the_library_that_carries_it() {
        for byte in 0..=255_u8 {
            for target in [
                [b"/a", &[byte][..], b"b"].concat(),
                [b"/a?", &[byte][..], b"b"].concat(),
                [b"http://a", &[byte][..], b"b"].concat(),
                [b"a", &[byte][..], b"80"].concat(),
                vec![byte],
            ] {
                if is_target(&target) {
                    assert!(http::Uri::try_from(&target[..]).is_ok(), "{}", target.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_target_is_of_one_of_four_forms() {
        for good in
            ["/", "//a//b", "*", "http://a", "http://a?q", "HTTPS://a:1/b?c", "ftp://a/", "a:80", "a", "[::1]:80"]
        {
            assert!(is_target(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "?",
            "?q",
            "#",
            "/#",
            "/a?b#",
            "*#",
            "http://",
            "http:///a",
            "http://u@a/",
            "http:/a",
            "1http://a/",
            "a:b:c",
            "a/b",
            "[::1",
        ] {
            assert!(!is_target(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn an_authority_is_a_host_and_perhaps_a_port() {
        for good in [
            "a",
            "A.b-c_d~",
            "a:",
            "a:0",
            "a:65535",
            "a:00080",
            "127.0.0.1:1",
            "[::1]",
            "[::ffff:1.2.3.4]:",
            "a.",
            "!$&'()*+,;=",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":",
            ":80",
            "a:x",
            "a:+1",
            "a:65536",
            "a b",
            "u@a",
            "a/b",
            "a%41",
            "é",
            "a\\b",
            "[",
            "[]",
            "[::1",
            "[::1]x",
            "[1]",
            "[fe80::1%25eth0]",
            "[v1.a]",
            "::1",
            "a:1:2",
            "a|",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
