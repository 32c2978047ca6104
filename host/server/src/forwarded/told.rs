//! Puts together what trusted proxies tell, and makes the request say it.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HOST;
use http::uri::Authority;
use http::{HeaderMap, HeaderValue};
use tracing::debug;
use windhover_contract::{Connection, Ends, PathBase, Request, Scheme, Target, Tls};

use super::certificate;
use super::hop::{Hop, Malformed};
use super::node::Node;
use super::rfc7239::Forwarded;
use super::trust::Trust;
use super::x_forwarded::XForwarded;
use crate::config::file::ForwardedFields;

/// What all trusted proxies of a request tell.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Whether any of them tells anything.
    is_any: bool,
    /// The client. `None`: none of them says. `Unknown`: the last one that may does not know.
    client: Option<Node>,
    /// The trusted proxies between the client and the nearest, the nearest first.
    earlier: Vec<SocketAddr>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    port: Option<u16>,
    /// What they have taken off the path, all of them together.
    prefix: PathBase,
}

impl Told {
    /// Goes from hop to hop, the nearest first: as many as are trusted, and no further than a hop that cannot be parsed or
    /// does not tell who came before it. `nearest`: the peer of this server, `None` if it has no address.
    pub(super) fn by(
        hops: impl Iterator<Item = Result<Hop, Malformed>>,
        nearest: Option<SocketAddr>,
        trust: &Trust,
    ) -> Self {
        let mut told = Self::default();
        let mut peer = nearest;
        for hop in hops.take(trust.hops()) {
            if !trust.trusts(peer.map(|peer| peer.ip())) {
                break;
            }
            let Ok(hop) = hop else {
                debug!(proxy = ?peer, fields = ?trust.headers(), "a trusted proxy reports what cannot be parsed; it is ignored");
                break;
            };
            told.is_any = true;
            told.scheme = hop.scheme.or(told.scheme);
            // Who stands further away has taken off what stood further left.
            told.prefix = hop.prefix.unwrap_or_default().join(&told.prefix);
            if hop.authority.is_some() {
                (told.authority, told.port) = (hop.authority, None);
            }
            told.port = hop.port.or(told.port);
            let Some(node) = hop.node else { break };
            if let Some(Node::Address(proxy)) = told.client.replace(node) {
                told.earlier.push(proxy);
            }
            let Node::Address(address) = node else { break };
            peer = Some(address);
        }
        told
    }

    /// By the fields of a request.
    pub(super) fn in_fields(fields: &HeaderMap, nearest: Option<SocketAddr>, trust: &Trust) -> Self {
        match trust.headers() {
            ForwardedFields::XForwarded => Self::by(XForwarded::of(fields), nearest, trust),
            ForwardedFields::Forwarded => Self::by(Forwarded::of(fields), nearest, trust),
        }
    }
}

/// Makes a request say what trusted proxies tell. The nearest one must be trusted.
pub(super) fn apply(trust: &Trust, request: &mut Request) {
    let Some(connection) = &request.features.connection else { return };
    let told = Told::in_fields(&request.fields, connection.remote(), trust);
    let certificates = trust.certificate_field().map(|field| certificate::read(&request.fields, field));
    let certificates = certificates.unwrap_or_default();
    if told.is_any || !certificates.is_empty() {
        let remote = match told.client {
            Some(Node::Address(address)) => Some(address),
            Some(Node::Unknown) => None,
            None => connection.remote(),
        };
        // The PROXY protocol has told of the nearest one, which is then no peer of the socket.
        let nearest = connection.told.and_then(|ends| ends.remote);
        request.features.connection = Some(Arc::new(Connection {
            id: connection.id.clone(),
            endpoint: connection.endpoint.clone(),
            socket: connection.socket,
            told: Some(Ends { remote, local: connection.local() }),
            earlier_proxies: nearest.into_iter().chain(told.earlier).collect(),
        }));
        // The session of the socket is the proxy's, and so is the certificate in it.
        let tls = (!certificates.is_empty()).then(|| Tls { client_certificates: certificates, ..Tls::unknown() });
        request.features.tls = tls.map(Arc::new);
    }
    if let Some(scheme) = told.scheme {
        request.target.set_scheme(scheme);
    }
    if told.prefix != PathBase::default() {
        request.target.set_prefix(told.prefix);
    }
    let authority = told.authority.or_else(|| request.target.authority().filter(|_| told.port.is_some()).cloned());
    let authority = authority.map(|authority| with_port(authority, told.port, request.target.scheme()));
    // Most proxies pass the host on, and then there is nothing to change.
    let is_known =
        |authority: &Authority| request.target.authority().is_some_and(|known| known.as_str() == authority.as_str());
    if let Some(authority) = authority.filter(|authority| !is_known(authority)) {
        // Whoever reads the field reads the same.
        if let Some(host) = request.fields.get_mut(HOST)
            && let Ok(value) = HeaderValue::from_str(authority.as_str())
        {
            *host = value;
        }
        request.target.set_authority(authority);
    }
}

/// A host with the port that the client used, if it names none and the scheme has another.
fn with_port(authority: Authority, port: Option<u16>, scheme: Scheme) -> Authority {
    let Some(port) = port.filter(|port| *port != scheme.default_port() && authority.port().is_none()) else {
        return authority;
    };
    Target::parse_authority(format!("{}:{port}", authority.host()).as_bytes()).unwrap_or(authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file::Proxy;
    use crate::forwarded::fields;

    fn trust(trusted: &[&str], headers: ForwardedFields, hops: u8) -> Trust {
        let trusted = trusted.iter().map(|peer| (*peer).to_owned()).collect();
        let hops = hops.try_into().expect("there is a hop");
        Trust::new(&Proxy { trusted, headers, hops, ..Proxy::default() })
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a test's address is one")
    }

    /// The client that is believed, behind a proxy at 10.0.0.1 that is trusted, as is the rest of 10.0.0.0/8.
    fn client(lines: &[(&'static str, &str)], headers: ForwardedFields, hops: u8) -> (Option<Node>, usize) {
        let trust = trust(&["10.0.0.0/8"], headers, hops);
        let told = Told::in_fields(&fields(lines), Some(address("10.0.0.1:1")), &trust);
        (told.client, told.earlier.len())
    }

    #[test]
    fn the_client_is_whoever_the_last_trusted_hop_names() {
        use ForwardedFields::{Forwarded, XForwarded};
        let named = |text: &str| Some(Node::Address(address(text)));
        for (line, hops, expected) in [
            ("192.0.2.1", 1, (named("192.0.2.1:0"), 0)),
            ("6.6.6.6, 192.0.2.1", 1, (named("192.0.2.1:0"), 0)),
            ("6.6.6.6, 192.0.2.1", 2, (named("192.0.2.1:0"), 0)), // 192.0.2.1 is no proxy
            ("192.0.2.1, 10.0.0.2", 1, (named("10.0.0.2:0"), 0)),
            ("192.0.2.1, 10.0.0.2", 2, (named("192.0.2.1:0"), 1)),
            ("6.6.6.6, 192.0.2.1, 10.0.0.2", 9, (named("192.0.2.1:0"), 1)),
            ("192.0.2.1, 10.0.0.3, 10.0.0.2", 9, (named("192.0.2.1:0"), 2)),
            ("10.0.0.3, 10.0.0.2", 9, (named("10.0.0.3:0"), 1)), // all are trusted: the first one is the client
            ("192.0.2.1, nonsense, 10.0.0.2", 9, (named("10.0.0.2:0"), 0)),
            ("192.0.2.1, nonsense", 9, (None, 0)),
            ("192.0.2.1, unknown", 9, (Some(Node::Unknown), 0)),
            ("192.0.2.1, unknown, 10.0.0.2", 9, (Some(Node::Unknown), 1)),
            ("192.0.2.1,", 9, (None, 0)), // a proxy that does not know, and what was there before it
            ("192.0.2.1, , 10.0.0.2", 9, (named("10.0.0.2:0"), 0)),
            ("", 9, (None, 0)),
        ] {
            assert_eq!(client(&[("x-forwarded-for", line)], XForwarded, hops), expected, "{line}, {hops} hops");
            let line: Vec<_> = line
                .split(',')
                .map(|node| if node.trim().is_empty() { String::new() } else { format!("for={}", node.trim()) })
                .collect();
            assert_eq!(client(&[("forwarded", &line.join(", "))], Forwarded, hops), expected, "{line:?}, {hops} hops");
        }
    }

    #[test]
    fn the_other_family_tells_nothing() {
        let both = [("x-forwarded-for", "192.0.2.1"), ("forwarded", "for=192.0.2.2")];
        let named = |text: &str| (Some(Node::Address(address(text))), 0);
        assert_eq!(client(&both, ForwardedFields::XForwarded, 1), named("192.0.2.1:0"));
        assert_eq!(client(&both, ForwardedFields::Forwarded, 1), named("192.0.2.2:0"));
        assert_eq!(client(&both[..1], ForwardedFields::Forwarded, 1), (None, 0));
        assert_eq!(client(&both[1..], ForwardedFields::XForwarded, 1), (None, 0));
    }

    #[test]
    fn a_peer_that_is_not_trusted_tells_nothing() {
        let lines = fields(&[("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https")]);
        for (trusted, peer, is_believed) in [
            (&["10.0.0.1"][..], Some("10.0.0.1:1"), true),
            (&["10.0.0.1"], Some("[::ffff:10.0.0.1]:1"), true),
            (&["::ffff:10.0.0.1"], Some("10.0.0.1:1"), true),
            (&["10.0.0.1"], Some("10.0.0.2:1"), false),
            (&["10.0.0.1"], None, false),
            (&["unix"], None, true),
            (&["unix"], Some("127.0.0.1:1"), false),
            (&["2001:db8::/32"], Some("[2001:db8::5]:1"), true),
            (&["2001:db8::/32"], Some("[2001:db9::5]:1"), false),
            (&[], Some("127.0.0.1:1"), false),
        ] {
            let trust = trust(trusted, ForwardedFields::XForwarded, 1);
            let told = Told::in_fields(&lines, peer.map(address), &trust);
            assert_eq!(
                (told.client.is_some(), told.scheme.is_some()),
                (is_believed, is_believed),
                "{trusted:?} {peer:?}"
            );
        }
    }

    /// A scheme, host or port that is told further away stands; what only nearer proxies tell stays.
    #[test]
    fn what_is_told_further_away_stands() {
        let trust = trust(&["10.0.0.0/8"], ForwardedFields::XForwarded, 2);
        let told =
            |lines: &[(&'static str, &str)]| Told::in_fields(&fields(lines), Some(address("10.0.0.1:1")), &trust);
        let both = told(&[
            ("x-forwarded-for", "192.0.2.1, 10.0.0.2"),
            ("x-forwarded-proto", "https, http"),
            ("x-forwarded-host", "a.example, inner.example"),
            ("x-forwarded-port", "8443"),
        ]);
        assert_eq!((both.scheme, both.port), (Some(Scheme::Https), None));
        assert_eq!(both.authority.as_ref().map(Authority::as_str), Some("a.example"));
        let prefixes = told(&[("x-forwarded-for", "192.0.2.1, 10.0.0.2"), ("x-forwarded-prefix", "/outer, /inner")]);
        assert_eq!(prefixes.prefix.escaped(), "/outer/inner");
        // Without an address nobody knows who wrote the member before.
        let without = told(&[("x-forwarded-proto", "https, http")]);
        assert_eq!(without.scheme, Some(Scheme::Http));
    }

    #[test]
    fn a_port_joins_a_host_without_one() {
        for (host, port, scheme, expected) in [
            ("a", Some(8443), Scheme::Https, "a:8443"),
            ("a", Some(443), Scheme::Https, "a"),
            ("a", Some(443), Scheme::Http, "a:443"),
            ("a:1", Some(8443), Scheme::Https, "a:1"),
            ("[::1]", Some(81), Scheme::Http, "[::1]:81"),
            ("a", None, Scheme::Http, "a"),
        ] {
            let host = Target::parse_authority(host.as_bytes()).expect("it is one");
            assert_eq!(with_port(host, port, scheme).as_str(), expected);
        }
    }
}
