//! Addresses as proxies write them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Who sent a request to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// An address. Port 0: the proxy has not told the port.
    Address(SocketAddr),
    /// The proxy does not know or does not tell (RFC 7239 §6.2 and §6.3).
    Unknown,
}

/// A member of `x-forwarded-for`: an IP address, IPv6 with or without brackets, and perhaps a port; or `unknown`.
pub(super) fn loose(text: &[u8]) -> Option<Node> {
    let text = std::str::from_utf8(text).ok()?;
    if text.eq_ignore_ascii_case("unknown") {
        return Some(Node::Unknown);
    }
    match text.parse::<Ipv6Addr>() {
        Ok(address) => Some(address_of(address.into(), 0)),
        Err(_) => strict(text),
    }
}

/// A node of RFC 7239 §6: IPv6 has brackets.
pub(super) fn strict(text: &str) -> Option<Node> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (name, port) = rest.split_once(']')?;
            (IpAddr::V6(name.parse().ok()?), port)
        }
        None => {
            let at = text.find(':').unwrap_or(text.len());
            let (name, port) = text.split_at(at);
            if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
                parse_port(port)?;
                return Some(Node::Unknown);
            }
            (IpAddr::V4(name.parse().ok()?), port)
        }
    };
    Some(address_of(name, parse_port(port)?))
}

fn address_of(ip: IpAddr, port: u16) -> Node {
    Node::Address(SocketAddr::new(ip.to_canonical(), port))
}

/// `:` and digits, or `:` and an obfuscated port, or nothing. 0: there is no port that is a number.
fn parse_port(text: &str) -> Option<u16> {
    let Some(port) = text.strip_prefix(':') else { return text.is_empty().then_some(0) };
    if is_obfuscated(port) { Some(0) } else { parse_number(port) }
}

/// A port without a sign, which `parse` would take.
pub(super) fn parse_number(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// RFC 7239 §6.3.
fn is_obfuscated(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    text.strip_prefix('_').is_some_and(|rest| !rest.is_empty() && rest.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_write_addresses_in_their_own_way() {
        for (text, in_x_forwarded, in_forwarded) in [
            ("192.0.2.1", Some("192.0.2.1:0"), Some("192.0.2.1:0")),
            ("192.0.2.1:8080", Some("192.0.2.1:8080"), Some("192.0.2.1:8080")),
            ("2001:db8::1", Some("[2001:db8::1]:0"), None),
            ("[2001:db8::1]", Some("[2001:db8::1]:0"), Some("[2001:db8::1]:0")),
            ("[2001:db8::1]:443", Some("[2001:db8::1]:443"), Some("[2001:db8::1]:443")),
            ("::ffff:192.0.2.1", Some("192.0.2.1:0"), None),
            ("[::ffff:192.0.2.1]:1", Some("192.0.2.1:1"), Some("192.0.2.1:1")),
            ("192.0.2.1:_port", Some("192.0.2.1:0"), Some("192.0.2.1:0")),
        ] {
            let address = |node: Option<Node>| match node? {
                Node::Address(address) => Some(address.to_string()),
                Node::Unknown => Some("unknown".to_owned()),
            };
            assert_eq!(address(loose(text.as_bytes())).as_deref(), in_x_forwarded, "{text}");
            assert_eq!(address(strict(text)).as_deref(), in_forwarded, "{text}");
        }
    }

    #[test]
    fn a_node_may_be_unknown_or_hidden() {
        for text in ["unknown", "UNKNOWN", "_hidden", "_a.b-c_1", "unknown:80", "_x:_y"] {
            assert_eq!(strict(text), Some(Node::Unknown), "{text}");
            assert_eq!(loose(text.as_bytes()), Some(Node::Unknown), "{text}");
        }
    }

    #[test]
    fn what_is_no_node_is_nothing() {
        for text in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4:",
            "1.2.3.4:65536",
            "1.2.3.4:+1",
            "1.2.3.4:1:1",
            "[1.2.3.4]",
            "[::1",
            "::1]",
            "[::1]x",
            "[::1]:",
            "[::1%eth0]",
            "fe80::1%eth0",
            "_",
            "_a b",
            "-1",
            " 1.2.3.4",
            "unknown:x",
            "1.2.3.4\0",
        ] {
            assert_eq!(strict(text), None, "{text}");
            assert_eq!(loose(text.as_bytes()), None, "{text}");
        }
        assert_eq!(loose(b"\xff"), None);
    }
}
