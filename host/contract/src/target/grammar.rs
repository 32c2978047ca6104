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

/// Whether these octets are a target in one of the four forms of RFC 9112 §3.2. Whether its form fits the method is for
/// [`super::Target::resolve`].
pub(super) fn is_target(octets: &[u8]) -> bool {
    match octets {
        b"*" => true,
        [b'/', ..] => is_path_and_query(octets),
        _ => match behind_scheme(octets) {
            Some(rest) => {
                let end = rest.iter().position(|octet| matches!(octet, b'/' | b'?')).unwrap_or(rest.len());
                is_authority(&rest[..end]) && is_path_and_query(&rest[end..])
            }
            None => is_authority(octets),
        },
    }
}

/// Whether each character of a path, and of the query behind it, may stand there.
pub(super) fn is_path_and_query(octets: &[u8]) -> bool {
    let is_in = |part: &[u8], class: u8| part.iter().all(|octet| CLASSES[usize::from(*octet)] & class != 0);
    match octets.iter().position(|octet| *octet == b'?') {
        None => is_in(octets, PATH),
        Some(at) => is_in(&octets[..at], PATH) && is_in(&octets[at + 1..], QUERY),
    }
}

/// Whether these octets are a host and perhaps a port (RFC 9110 §7.2, RFC 3986 §3.2.2). Without a user, which no target
/// of HTTP has (RFC 9110 §4.2.4), and without escapes: the names of hosts have none.
pub(super) fn is_authority(octets: &[u8]) -> bool {
    let (is_host, port) = match octets {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|octet| *octet == b']') else { return false };
            let address = str::from_utf8(&rest[..end]).ok().map(str::parse::<Ipv6Addr>);
            (matches!(address, Some(Ok(_))), &rest[end + 1..])
        }
        _ => {
            let end = octets.iter().position(|octet| *octet == b':').unwrap_or(octets.len());
            let host = &octets[..end];
            (end > 0 && host.iter().all(|octet| CLASSES[usize::from(*octet)] & NAME != 0), &octets[end..])
        }
    };
    is_host && is_port(port)
}

/// RFC 3986 §3.2.3: nothing, or a colon and digits, which may be none.
fn is_port(octets: &[u8]) -> bool {
    let [b':', digits @ ..] = octets else { return octets.is_empty() };
    let port = digits.iter().try_fold(0_u16, |port, digit| match digit {
        b'0'..=b'9' => port.checked_mul(10)?.checked_add(u16::from(digit - b'0')),
        _ => None,
    });
    port.is_some()
}

/// What stands behind `scheme://` (RFC 3986 §3.1), where octets begin with that.
fn behind_scheme(octets: &[u8]) -> Option<&[u8]> {
    let is_of_scheme = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.');
    let size = octets.iter().position(|octet| !is_of_scheme(octet))?;
    let is_scheme = octets[0].is_ascii_alphabetic() && size <= MAX_SCHEME;
    octets[size..].strip_prefix(b"://").filter(|_| is_scheme)
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
    let mut octet = 0;
    while octet < 256 {
        if (octet as u8).is_ascii_alphanumeric() {
            classes[octet] = PATH | QUERY | NAME;
        }
        octet += 1;
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
        for octet in 0..=255_u8 {
            let in_both = octet.is_ascii_alphanumeric() || both.contains(&octet);
            // `?` in a path begins the query.
            let in_path = in_both || octet == b'?';
            let in_query = in_both || matches!(octet, b'?' | b'`');
            let shown = [octet].escape_ascii().to_string();
            assert_eq!(is_target(&[b"/a", &[octet][..], b"b"].concat()), in_path, "{shown} in a path");
            assert_eq!(is_target(&[b"/a?", &[octet][..], b"b"].concat()), in_query, "{shown} in a query");
            assert_eq!(is_target(&[b"http://a/", &[octet][..]].concat()), in_path, "{shown} in an absolute form");
        }
    }

    #[test]
    fn what_is_a_target_is_one_to_the_library_that_carries_it() {
        for octet in 0..=255_u8 {
            for target in [
                [b"/a", &[octet][..], b"b"].concat(),
                [b"/a?", &[octet][..], b"b"].concat(),
                [b"http://a", &[octet][..], b"b"].concat(),
                [b"a", &[octet][..], b"80"].concat(),
                vec![octet],
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
