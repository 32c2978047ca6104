//! `forwarded` (RFC 7239).

use http::HeaderMap;
use windhover_contract::Target;

use super::hop::{Hop, Malformed};
use super::members::Members;
use super::node;
use super::x_forwarded::parse_scheme;

/// The hops of a request, the nearest first.
pub(super) struct Forwarded<'a>(Members<'a>);

impl<'a> Forwarded<'a> {
    pub(super) fn of(fields: &'a HeaderMap) -> Self {
        Self(Members::quoted(fields, "forwarded"))
    }
}

impl Iterator for Forwarded<'_> {
    type Item = Result<Hop, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next().map(|member| parse(member).ok_or(Malformed))
    }
}

/// One element: pairs of a parameter and its value, in any order, each parameter at most once (RFC 7239 §4).
fn parse(element: &[u8]) -> Option<Hop> {
    let mut hop = Hop::default();
    let mut has_by = false;
    let mut rest = element;
    loop {
        // A pair may be missing (RFC 7239 §4). Spaces beside it are beyond the RFC, and many write them.
        rest = rest.trim_ascii_start();
        match rest {
            [] => return Some(hop),
            [b';', more @ ..] => {
                rest = more;
                continue;
            }
            _ => {}
        }
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (&rest[..equals], &rest[equals + 1..]);
        if name.is_empty() || !name.iter().copied().all(is_token) {
            return None;
        }
        let (value, behind) = parse_value(value)?;
        let is = |parameter: &str| name.eq_ignore_ascii_case(parameter.as_bytes());
        let is_repeated = match () {
            () if is("for") => hop.node.replace(node::strict(std::str::from_utf8(&value).ok()?)?).is_some(),
            () if is("proto") => hop.scheme.replace(parse_scheme(&value)?).is_some(),
            () if is("host") => hop.authority.replace(Target::parse_authority(&value)?).is_some(),
            () if is("by") => {
                node::strict(std::str::from_utf8(&value).ok()?)?;
                std::mem::replace(&mut has_by, true)
            }
            () => false, // an extension (RFC 7239 §5.5)
        };
        if is_repeated {
            return None;
        }
        rest = behind.trim_ascii_start();
        if !matches!(rest, [] | [b';', ..]) {
            return None;
        }
    }
}

/// A token or a quoted string (RFC 9110 §5.6), and what is behind it.
fn parse_value(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let Some(mut rest) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| !is_token(*byte)).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_vec(), &text[end..]));
    };
    let mut value = Vec::new();
    loop {
        match rest {
            [b'"', behind @ ..] => return Some((value, behind)),
            [b'\\', escaped, behind @ ..] => {
                value.push(*escaped);
                rest = behind;
            }
            [b'\\'] | [] => return None,
            [byte, behind @ ..] => {
                value.push(*byte);
                rest = behind;
            }
        }
    }
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use windhover_contract::Scheme;

    use super::*;
    use crate::forwarded::fields;
    use crate::forwarded::node::Node;

    #[test]
    fn elements_have_parameters_in_any_order_and_case() {
        let text = r#"For="[2001:db8::1]:4711", for=192.0.2.43;PROTO=https;by=203.0.113.60;host="a.example:8443";x=y"#;
        let fields = fields(&[("forwarded", text)]);
        let hops: Vec<_> = Forwarded::of(&fields).map(|hop| hop.expect("it is well formed")).collect();
        let address = |text: &str| Some(Node::Address(text.parse().expect("an address")));
        assert_eq!((hops[0].node, hops[0].scheme), (address("192.0.2.43:0"), Some(Scheme::Https)));
        assert_eq!(hops[0].authority.as_ref().map(|host| host.as_str()), Some("a.example:8443"));
        assert_eq!(hops[1].node, address("[2001:db8::1]:4711"));
        assert_eq!(hops.len(), 2);
    }

    #[test]
    fn pairs_may_be_missing_and_have_spaces_beside_them() {
        let node = node::strict("192.0.2.1");
        for (element, expected) in [
            ("", None),
            (";", None),
            ("for=192.0.2.1;", node),
            ("for=192.0.2.1;;proto=https", node),
            ("for=192.0.2.1 ; proto=https", node),
            ("proto=https", None),
        ] {
            assert_eq!(parse(element.as_bytes()).expect(element).node, expected, "{element}");
        }
    }

    #[test]
    fn a_quoted_string_may_escape_anything() {
        let fields = fields(&[("forwarded", r#"for="\_a\b""#), ("forwarded", r#"for="192.0.2.1\:80""#)]);
        let nodes: Vec<_> = Forwarded::of(&fields).map(|hop| hop.expect("it is well formed").node).collect();
        assert_eq!(nodes[0], Some(Node::Address("192.0.2.1:80".parse().expect("an address"))));
        assert_eq!(nodes[1], Some(Node::Unknown));
    }

    #[test]
    fn an_element_that_cannot_be_parsed_tells_nothing() {
        for element in [
            "for",
            "=a",
            "for=",
            "for=\"192.0.2.1",
            "for=\"192.0.2.1\"x",
            "for=\"192.0.2.1\\",
            "for=192.0.2.1 proto=https",
            "for = 192.0.2.1",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;by=x",
            "for=192.0.2.1:80", // a colon is no token's
            "for=[::1]",
            "for=192.0.2.1;proto=gopher",
            "for=192.0.2.1;host=\"a b\"",
            "f\u{f6}r=192.0.2.1",
        ] {
            assert!(parse(element.as_bytes()).is_none(), "{element}");
        }
    }
}
