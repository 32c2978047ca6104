//! What proxies tell and others claim of a client: whatever the fields are, nothing panics, no client is believed that no
//! trusted hop has told, and none of the fields stays. The first byte chooses the family, the number of hops and the peer.
//! Each line of the rest is a field line: of the addresses, unless its first byte names another field.

#![no_main]

#[path = "../../../host/server/src/config/file"]
mod keys {
    pub(crate) mod proxy;
}

mod config {
    pub(crate) use crate::keys::proxy as file;
}

#[allow(dead_code, reason = "the room uses more of it")]
#[path = "../../../host/server/src/forwarded"]
mod forwarded {
    pub(crate) mod certificate;
    pub(crate) mod claims;
    pub(crate) mod hop;
    pub(crate) mod members;
    pub(crate) mod node;
    pub(crate) mod rfc7239;
    pub(crate) mod told;
    pub(crate) mod trust;
    pub(crate) mod x_forwarded;

    pub(crate) fn apply(trust: &trust::Trust, request: &mut windhover_contract::Request) {
        told::apply(trust, request);
        claims::remove(&mut request.fields, trust.certificate_field());
    }
}

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU8;
use std::sync::Arc;

use config::file::{ForwardedFields, Proxy};
use forwarded::trust::Trust;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri, Version};
use libfuzzer_sys::fuzz_target;
use windhover_contract::{
    Body, Connection, Ends, Features, KnownHost, Request, Scheme, Target, TrustedPeer, TrustedPeers,
};

fuzz_target!(|bytes: &[u8]| {
    let Some((settings, text)) = bytes.split_first() else { return };
    let headers = if settings & 1 == 0 { ForwardedFields::XForwarded } else { ForwardedFields::Forwarded };
    let addresses = if settings & 1 == 0 { "x-forwarded-for" } else { "forwarded" };
    let peer: SocketAddr = if settings & 2 == 0 { "127.0.0.1:1" } else { "10.0.0.7:1" }.parse().expect("it is one");
    let hops = NonZeroU8::new((settings >> 2 & 7) + 1).expect("it is more than none");
    let client_certificate = match settings >> 5 & 3 {
        0 => None,
        1 => Some("client-cert".to_owned()),
        _ => Some("x-cert".to_owned()),
    };
    let trusted = TRUSTED.map(str::to_owned).to_vec();
    let trust = Trust::new(&Proxy { trusted, headers, hops, client_certificate, ..Proxy::default() });

    let mut request = request(peer);
    for line in text.split(|byte| *byte == b'\n') {
        let (name, value) = match line.split_first() {
            Some((b'P', value)) => ("x-forwarded-proto", value),
            Some((b'H', value)) => ("x-forwarded-host", value),
            Some((b'N', value)) => ("x-forwarded-port", value),
            Some((b'B', value)) => ("x-forwarded-prefix", value),
            Some((b'C', value)) => ("client-cert", value),
            Some((b'D', value)) => ("client-cert-chain", value),
            Some((b'E', value)) => ("x-cert", value),
            _ => (addresses, line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            request.fields.append(HeaderName::from_static(name), value);
        }
    }
    let fields = request.fields.clone();
    forwarded::apply(&trust, &mut request);

    let left: Vec<_> = request.fields.keys().filter(|name| *name != "host" && *name != "x-cert").collect();
    assert!(left.is_empty(), "{left:?} stay");
    assert!(request.target.authority().is_some_and(|host| Target::parse_authority(host.as_str().as_bytes()).is_some()));
    let base = request.target.path_base();
    assert!(base.is_empty() || base.starts_with('/') && !base.starts_with("//") && !base.ends_with('/'), "{base}");

    let trusted: TrustedPeers = TRUSTED.iter().map(|peer| peer.parse::<TrustedPeer>().expect("it is one")).collect();
    let connection = request.features.connection.expect("it has one");
    let Some(told) = connection.told else {
        assert_eq!(connection.proxies().count(), 0);
        return;
    };
    assert_eq!(connection.socket.remote, Some(peer));
    let proxies: Vec<_> = connection.proxies().map(|proxy| proxy.expect("each has an address")).collect();
    assert!(proxies[0] == peer && proxies.len() <= usize::from(hops.get()));
    assert!(proxies.iter().all(|proxy| trusted.contains(Some(proxy.ip()))), "{proxies:?} of {fields:?}");
    // Every address that is believed stands in the list, each to the left of the one that was believed before it.
    let mut members = fields.get_all(addresses).iter().rev().flat_map(|line| words(line.as_bytes()).into_iter().rev());
    let client = told.remote.filter(|client| *client != proxies[proxies.len() - 1]);
    for believed in proxies[1..].iter().copied().chain(client) {
        assert!(members.any(|member| member == believed.ip()), "{believed} is not told by {fields:?}");
    }
});

fn request(peer: SocketAddr) -> Request {
    let mut fields = HeaderMap::new();
    fields.insert("host", HeaderValue::from_static("internal"));
    let (scheme, uri, version) = (Scheme::Http, Uri::from_static("/p"), Version::HTTP_11);
    let target = Target::resolve(scheme, &Method::GET, uri, version, &fields, &KnownHost::default());
    let ends = Ends { remote: Some(peer), local: None };
    let connection = Arc::new(Connection::new("1".to_owned(), ends));
    Request {
        method: Method::GET,
        target: target.expect("it is well formed"),
        version,
        fields,
        body: Body::empty(),
        features: Features {
            connection: Some(connection),
            server_addresses: None,
            tls: None,
            identifier: None,
            lifetime: None,
            reset: None,
            expect_continue: None,
            informational: None,
            limits: None,
            upgrade: None,
            user: None,
            server_variables: None,
            trace: None,
        },
    }
}

/// The addresses in a line, found in another way: whatever stands between characters that no address has is one, or one
/// with a port, or nothing.
fn words(line: &[u8]) -> Vec<IpAddr> {
    let text: String = String::from_utf8_lossy(line).chars().filter(|letter| *letter != '\\').collect();
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && !".:[]_-".contains(letter));
    words.filter_map(address).map(|address| address.to_canonical()).collect()
}

fn address(word: &str) -> Option<IpAddr> {
    let bare = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    bare(word).or_else(|| bare(word.rsplit_once(':')?.0))
}

const TRUSTED: [&str; 3] = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"];
