//! `x-forwarded-for`, `-proto`, `-host`, `-port` and `-prefix`: what proxies wrote before RFC 7239, and still write. There is
//! no standard; these are the fields that ASP.NET Core and Spring read.

use http::HeaderMap;
use percent_encoding::percent_decode;
use windhover_contract::{PathBase, Scheme, Target};

use super::hop::{Hop, Malformed};
use super::members::Members;
use super::node::{self, parse_number};

/// The hops of a request, the nearest first.
pub(super) struct XForwarded<'a> {
    addresses: Members<'a>,
    schemes: Members<'a>,
    hosts: Members<'a>,
    ports: Members<'a>,
    prefixes: Members<'a>,
}

impl<'a> XForwarded<'a> {
    pub(super) fn of(fields: &'a HeaderMap) -> Self {
        Self {
            addresses: Members::of(fields, "x-forwarded-for"),
            schemes: Members::of(fields, "x-forwarded-proto"),
            hosts: Members::of(fields, "x-forwarded-host"),
            ports: Members::of(fields, "x-forwarded-port"),
            prefixes: Members::of(fields, "x-forwarded-prefix"),
        }
    }
}

impl Iterator for XForwarded<'_> {
    type Item = Result<Hop, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        fn parsed<T>(member: Option<&[u8]>, parse: impl Fn(&[u8]) -> Option<T>) -> Result<Option<T>, Malformed> {
            member.map(|member| parse(member).ok_or(Malformed)).transpose()
        }
        let [address, scheme, host, port, prefix] =
            [&mut self.addresses, &mut self.schemes, &mut self.hosts, &mut self.ports, &mut self.prefixes]
                .map(Iterator::next);
        if [address, scheme, host, port, prefix].iter().all(Option::is_none) {
            return None;
        }
        let hop = || {
            Ok(Hop {
                node: parsed(address, node::loose)?,
                scheme: parsed(scheme, parse_scheme)?,
                authority: parsed(host, Target::parse_authority)?,
                port: parsed(port, |text| parse_number(std::str::from_utf8(text).ok()?).filter(|port| *port != 0))?,
                prefix: parsed(prefix, parse_prefix)?,
            })
        };
        Some(hop())
    }
}

/// A scheme, whose case does not matter (RFC 3986 §3.1). Some proxies name that of WebSocket.
pub(super) fn parse_scheme(text: &[u8]) -> Option<Scheme> {
    let is = |name: &str| text.eq_ignore_ascii_case(name.as_bytes());
    match () {
        () if is("https") || is("wss") => Some(Scheme::Https),
        () if is("http") || is("ws") => Some(Scheme::Http),
        () => None,
    }
}

/// A path as it stands in a URL. An escaped slash would move the borders between its segments.
fn parse_prefix(escaped: &[u8]) -> Option<PathBase> {
    if escaped.windows(3).any(|escape| escape.eq_ignore_ascii_case(b"%2f")) {
        return None;
    }
    PathBase::new(&percent_decode(escaped).decode_utf8().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarded::fields;

    #[test]
    fn each_hop_has_its_member_of_each_field() {
        let fields = fields(&[
            ("x-forwarded-for", "192.0.2.1, 192.0.2.2"),
            ("x-forwarded-proto", "HTTPS"),
            ("x-forwarded-host", "a.example, b.example:8080"),
            ("x-forwarded-port", "8443"),
            ("x-forwarded-prefix", "/a%20b/"),
        ]);
        let hops: Vec<_> = XForwarded::of(&fields).map(|hop| hop.expect("it is well formed")).collect();
        let shown = |hop: &Hop| {
            let authority = hop.authority.as_ref().map(ToString::to_string);
            (hop.node, hop.scheme, authority, hop.port, hop.prefix.as_ref().map(|prefix| prefix.escaped().to_owned()))
        };
        let node = |text: &str| node::loose(text.as_bytes());
        let nearest = (Some(Scheme::Https), Some("b.example:8080".into()), Some(8443), Some("/a%20b".into()));
        assert_eq!(shown(&hops[0]), (node("192.0.2.2"), nearest.0, nearest.1, nearest.2, nearest.3));
        assert_eq!(shown(&hops[1]), (node("192.0.2.1"), None, Some("a.example".into()), None, None));
        assert_eq!(hops.len(), 2);
    }

    #[test]
    fn a_member_that_cannot_be_parsed_spoils_its_hop() {
        for (name, value) in [
            ("x-forwarded-for", "example.org"),
            ("x-forwarded-proto", "ftp"),
            ("x-forwarded-proto", "https://"),
            ("x-forwarded-host", "a b"),
            ("x-forwarded-host", "user@a"),
            ("x-forwarded-host", "a:b"),
            ("x-forwarded-host", "a/b"),
            ("x-forwarded-port", "0"),
            ("x-forwarded-port", "65536"),
            ("x-forwarded-port", "-1"),
            ("x-forwarded-prefix", "a"),
            ("x-forwarded-prefix", "/a/../b"),
            ("x-forwarded-prefix", "/a%2Fb"),
            ("x-forwarded-prefix", "/a?b"),
            ("x-forwarded-prefix", "/%ff"),
        ] {
            let fields = fields(&[("x-forwarded-for", "192.0.2.1"), (name, value)]);
            assert!(matches!(XForwarded::of(&fields).next(), Some(Err(Malformed))), "{name}: {value}");
        }
    }
}
