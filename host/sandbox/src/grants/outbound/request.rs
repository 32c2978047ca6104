//! Normalizes a request before it is sent: target, authority and fields follow the RFCs, whatever the guest has
//! written. Invalid requests are refused, not repaired.

use std::net::{Ipv4Addr, Ipv6Addr};

use http::header::{HOST, TE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderValue, Method, Request, Uri};
use wasmtime_wasi_http::Error;

use crate::exchange::fields::without_connection;

/// Normalizes a request for sending.
pub(super) fn prepare<B>(request: &mut Request<B>) -> Result<(), Error> {
    if request.method() == Method::CONNECT {
        return Err(Error::HttpRequestMethodInvalid); // RFC 9110 §9.3.6: it is for proxies, and asks for no content
    }
    let parts = request.uri().clone().into_parts();
    let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
        return Err(Error::HttpRequestUriInvalid);
    };
    let authority = self::authority(&authority).ok_or(Error::HttpRequestUriInvalid)?;
    let path = parts.path_and_query.as_ref().map_or("/", PathAndQuery::as_str);
    let path = target(path, request.method()).ok_or(Error::HttpRequestUriInvalid)?;
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let fields = fields(std::mem::take(request.headers_mut()), &scheme, host);
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(path).build();
    *request.uri_mut() = uri.map_err(|_| Error::HttpRequestUriInvalid)?;
    *request.headers_mut() = fields;
    Ok(())
}

/// RFC 3986 §3.2: a host and perhaps a port. Without user information, which nobody may send (RFC 9110 §4.2.4), and
/// without a colon that no port follows (§4.2.3).
fn authority(authority: &Authority) -> Option<Authority> {
    let text = authority.as_str();
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (text, ""),
    };
    if !is_host(host) {
        return None;
    }
    if port.is_empty() {
        return host.parse().ok();
    }
    let is_port = port.bytes().all(|digit| digit.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0);
    is_port.then(|| authority.clone())
}

/// RFC 3986 §3.2.2, without what is percent-encoded in a name, which no resolver decodes.
fn is_host(host: &str) -> bool {
    if let Some(address) = host.strip_prefix('[') {
        return address.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    // A name whose last label is a number is an address (WHATWG URL), and one that cannot be read as such leads nowhere
    // that was meant.
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or_default();
    let is_number = !last.is_empty() && last.bytes().all(|digit| digit.is_ascii_digit());
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte);
    !host.is_empty() && host.bytes().all(is_name) && (!is_number || host.parse::<Ipv4Addr>().is_ok())
}

/// RFC 9112 §3.2: a path that begins with a slash, and perhaps a query; or the asterisk, for OPTIONS alone. What RFC 3986
/// does not have in either, and users write all the same, is percent-encoded, as browsers do with most of it.
fn target(path: &str, method: &Method) -> Option<PathAndQuery> {
    if path == "*" {
        return (*method == Method::OPTIONS).then_some(PathAndQuery::from_static("*"));
    }
    let mut encoded = String::with_capacity(path.len() + 1);
    if path.is_empty() || path.starts_with('?') {
        encoded.push('/');
    } else if !path.starts_with('/') {
        return None;
    }
    for (at, byte) in path.bytes().enumerate() {
        let is_good = match byte {
            b'%' => path.as_bytes().get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            b'?' => true,
            b'#' => return None, // RFC 3986 §3.5: a fragment is for the client only
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte),
        };
        if is_good {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded.parse().ok()
}

/// The fields as they leave: none that are about a connection (RFC 9110 §7.6.1), as those of a request that was copied
/// may be, and `host` first, where the protocol has it (RFC 9112 §3.2).
fn fields(fields: HeaderMap, scheme: &Scheme, host: HeaderValue) -> HeaderMap {
    let takes_trailers = fields
        .get_all(TE)
        .iter()
        .any(|value| value.to_str().is_ok_and(|codings| codings.split(',').any(|coding| coding.trim() == "trailers")));
    let mut all = HeaderMap::with_capacity(fields.len() + 1);
    if *scheme == Scheme::HTTP {
        all.insert(HOST, host); // of https, HTTP/2 has none, and the client adds it for HTTP/1.1
    }
    let mut rest = without_connection(fields);
    while rest.remove(HOST).is_some() {}
    let mut last = None;
    for (name, value) in rest {
        last = name.or(last);
        if let Some(name) = &last {
            all.append(name.clone(), value);
        }
    }
    // In HTTP/2 `te` may be there and say this (RFC 9113 §8.2.2), and gRPC wants it so. In HTTP/1.1 it would be of the
    // connection, where trailers are taken as they come.
    if takes_trailers && *scheme == Scheme::HTTPS {
        all.insert(TE, HeaderValue::from_static("trailers"));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(method: Method, uri: &str) -> Result<String, Error> {
        let mut request = Request::builder().method(method).uri(uri).body(()).expect("a test's request is one");
        prepare(&mut request).map(|()| request.uri().to_string())
    }

    #[test]
    fn a_target_leaves_as_the_grammar_has_it() {
        for (uri, expected) in [
            ("http://a/b?c", "http://a/b?c"),
            ("http://a?c", "http://a/?c"),
            ("http://a", "http://a/"),
            ("http://a/b[c]?d[e]=f|g&h={i}^`", "http://a/b%5Bc%5D?d%5Be%5D=f%7Cg&h=%7Bi%7D%5E%60"),
            ("http://a/ü?ö", "http://a/%C3%BC?%C3%B6"),
            ("http://a/100%?%zz%4a", "http://a/100%25?%25zz%4a"),
            ("http://a:/b", "http://a/b"),
            ("http://a:80/b", "http://a:80/b"),
            ("http://[::1]:8080/", "http://[::1]:8080/"),
            ("http://127.0.0.1/", "http://127.0.0.1/"),
            ("http://a_b.example./", "http://a_b.example./"),
        ] {
            assert_eq!(prepared(Method::GET, uri).expect(uri), expected, "{uri}");
        }
        assert_eq!(target("*", &Method::OPTIONS).expect("the server as a whole"), "*");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for uri in [
            "http://user@a/",
            "http://user:word@a/",
            "http://a:0/",
            "http://a:99999/",
            "http://a%2fb/",
            "http://[a]/",
            "http://1.2.3/",
            "http://1.2.3.4.5/",
            "/b",
        ] {
            let mut request = Request::builder().uri(uri).body(());
            let refused = request.as_mut().map_or(Err(Error::HttpRequestUriInvalid), prepare);
            assert!(matches!(refused, Err(Error::HttpRequestUriInvalid)), "{uri}");
        }
        for host in ["", "a b", "a/b", "a@b", "[::1", "[::1]x", "::1", "256.1.1.1"] {
            assert!(!is_host(host), "{host:?}");
        }
        assert!(target("*", &Method::GET).is_none());
        assert!(target("a", &Method::GET).is_none() && target("/a#b", &Method::GET).is_none());
        assert!(matches!(prepared(Method::CONNECT, "http://a/"), Err(Error::HttpRequestMethodInvalid)));
    }

    #[test]
    fn fields_of_a_connection_stay_behind() {
        let given: HeaderMap = [
            ("x-first", "1"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-connection", "close"),
            ("host", "elsewhere"),
            ("x-last", "1"),
            ("x-last", "2"),
        ]
        .into_iter()
        .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
        .fold(HeaderMap::new(), |mut all, (name, value): (http::HeaderName, _)| {
            all.append(name, value);
            all
        });
        let host = HeaderValue::from_static("a:81");
        let written = |fields: HeaderMap| {
            let line =
                |(name, value): (&http::HeaderName, &HeaderValue)| format!("{name}={}", value.to_str().expect("text"));
            fields.iter().map(line).collect::<Vec<_>>().join(" ")
        };
        let clear = fields(given.clone(), &Scheme::HTTP, host.clone());
        assert_eq!(written(clear), "host=a:81 x-first=1 x-last=1 x-last=2");
        let secure = fields(given, &Scheme::HTTPS, host);
        assert_eq!(written(secure), "x-first=1 x-last=1 x-last=2 te=trailers");
    }
}
