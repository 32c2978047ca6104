//! Hosts in the one form in which they are compared, whoever wrote them: a client, a guest or a configuration.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use http::uri::Authority;

use super::scheme::Scheme;

/// A host in the form in which hosts are compared: a name in lower case, in ASCII as DNS has it (`xn--…`, UTS #46), and
/// without the dot that may end it; an IPv6 address in brackets, in the form of RFC 5952. All that compares hosts compares
/// these, on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Host<'a>(Cow<'a, str>);

impl<'a> Host<'a> {
    /// Brings a host to that form: a name or an address as it stands in a URL, without a port. Text that is no host is
    /// left as it is, but for the case of its letters.
    pub fn new(host: &'a str) -> Self {
        let name = host.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(host);
        if let Some(address) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'))
            && let Ok(address) = address.parse::<Ipv6Addr>()
        {
            return Self(format!("[{address}]").into());
        }
        // Clients cannot send anything but ASCII here; configurations can.
        if !name.is_ascii()
            && let Ok(ascii) = idna::domain_to_ascii(name)
        {
            let ascii = ascii.strip_suffix('.').map(str::to_owned).unwrap_or(ascii); // there are other dots (U+3002)
            return Self(ascii.into());
        }
        match name.bytes().any(|letter| letter.is_ascii_uppercase()) {
            true => Self(name.to_ascii_lowercase().into()),
            false => Self(name.into()),
        }
    }

    /// The host of an authority, whatever its port.
    pub fn of(authority: &'a Authority) -> Self {
        Self::new(authority.host())
    }

    /// Its text, in this form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is an IP address, and no name.
    pub fn is_address(&self) -> bool {
        self.0.starts_with('[') || self.0.parse::<IpAddr>().is_ok()
    }

    /// Whether it is a name below a domain, which is itself in this form: `a.b.example` is below `example`, `example` is
    /// not.
    pub fn is_below(&self, domain: &str) -> bool {
        let name = self.0.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
        name.is_some_and(|name| !name.is_empty())
    }

    /// The same, with a text of its own.
    pub fn into_owned(self) -> Host<'static> {
        Host(self.0.into_owned().into())
    }
}

/// Whether two authorities are the same for URLs of a scheme: hosts in any form, and a port that may be left out where it
/// is the scheme's own (RFC 9110 §4.2.3).
pub fn is_same_authority(one: &Authority, other: &Authority, scheme: Scheme) -> bool {
    let port = |authority| port(authority, scheme.default_port());
    one.as_str() == other.as_str() || (Host::of(one) == Host::of(other) && port(one) == port(other))
}

/// `None`: what stands there is no port.
fn port(authority: &Authority, default_port: u16) -> Option<u16> {
    match authority.port() {
        Some(port) => port.as_str().parse().ok(),
        // A colon without a port is as none at all.
        None => authority
            .as_str()
            .rsplit('@')
            .next()?
            .strip_prefix(authority.host())?
            .strip_prefix(':')
            .map_or(Some(default_port), |digits| digits.is_empty().then_some(default_port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        for (written, expected) in [
            ("example.org", "example.org"),
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("EXAMPLE.org.", "example.org"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example.", "xn--bcher-kva.example"),
            ("XN--bcher-KVA.example", "xn--bcher-kva.example"),
            ("bücher。example。", "xn--bcher-kva.example"),
            ("[::1]", "[::1]"),
            ("[0:0:0:0:0:0:0:1]", "[::1]"),
            ("[2001:DB8::0:1]", "[2001:db8::1]"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1.", "127.0.0.1"),
            ("a_b", "a_b"),
            (".", "."),
            ("", ""),
            ("[V1.a:b]", "[v1.a:b]"),
        ] {
            assert_eq!(Host::new(written).as_str(), expected, "{written}");
        }
        assert!(Host::new("a.B.example.").is_below("example") && !Host::new("example").is_below("example"));
        assert!(!Host::new(".example").is_below("example") && !Host::new("aexample").is_below("example"));
        assert!(Host::new("[::1]").is_address() && Host::new("127.0.0.1").is_address());
        assert!(!Host::new("a.example").is_address());
    }

    #[test]
    fn authorities_are_the_same_in_any_form_and_with_the_port_that_goes_without_saying() {
        for (one, other, expected) in [
            ("a", "a", true),
            ("a:80", "a", true),
            ("a:", "a", true),
            ("a:", "a:80", true),
            ("a:080", "a:80", true),
            ("A.example.", "a.Example:80", true),
            ("[::1]:80", "[0:0:0:0:0:0:0:1]", true),
            ("[::1]:81", "[::1]", false),
            ("a:443", "a", false),
            ("a:81", "a:80", false),
            ("a", "b", false),
            ("a..", "a", false),
        ] {
            let authority = |text: &str| text.parse::<Authority>().expect(text);
            assert_eq!(is_same_authority(&authority(one), &authority(other), Scheme::Http), expected, "{one} {other}");
            assert_eq!(is_same_authority(&authority(other), &authority(one), Scheme::Http), expected, "{other} {one}");
        }
    }
}
