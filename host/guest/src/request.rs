//! Converts the current request to the type of the `http` crate.

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderName, HeaderValue, Method, Version};

use crate::features::request::{self, RequestHead};
use crate::{Content, Request};

/// The current request.
pub(crate) fn current() -> Request {
    let head = request::head();
    let mut request = Request::new(Content::of_exchange());
    *request.method_mut() = Method::from_bytes(head.method.as_bytes()).expect("the server has looked at the method");
    *request.version_mut() = version(&head.protocol);
    *request.uri_mut() = uri(&head);
    let fields = request.headers_mut();
    for (name, value) in head.fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("the server has looked at the fields' names");
        fields.append(name, HeaderValue::from_bytes(&value).expect("the server has looked at the fields' values"));
    }
    request
}

fn version(protocol: &str) -> Version {
    match protocol {
        "HTTP/1.0" => Version::HTTP_10,
        "HTTP/2" => Version::HTTP_2,
        "HTTP/3" => Version::HTTP_3,
        _ => Version::HTTP_11,
    }
}

/// Absolute if the client named a host.
fn uri(head: &RequestHead) -> Uri {
    let mut target = String::new();
    escape(&head.path, is_in_path, &mut target);
    if let Some(query) = &head.query {
        target.push('?');
        escape(query, |byte| byte == b'%' || byte == b'?' || is_in_path(byte), &mut target);
    }
    if target.is_empty() {
        return Uri::from_static("*"); // `OPTIONS *`
    }
    let target = PathAndQuery::try_from(target).expect("what may not stand in it is escaped");
    let authority = Authority::try_from(head.authority.as_str()).ok();
    let mut parts = http::uri::Parts::default();
    if let Some(authority) = authority {
        parts.scheme = Scheme::try_from(head.scheme.as_str()).ok();
        parts.authority = Some(authority);
    }
    parts.path_and_query = Some(target);
    Uri::from_parts(parts).expect("a target is a URI, with a host or without")
}

/// Escapes every byte that is not `kept`. In a path the server has decoded all escapes except `%2F` and those that are
/// not UTF-8, so these stay as they are.
fn escape(text: &str, kept: impl Fn(u8) -> bool, escaped: &mut String) {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            byte if kept(byte) => escaped.push(char::from(byte)),
            b'%' if is_escape_that_stays(&text.as_bytes()[at..]) => escaped.push('%'),
            byte => {
                escaped.push('%');
                for digit in [byte >> 4, byte & 15] {
                    escaped.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
                }
            }
        }
    }
}

/// RFC 3986 §3.3, and `/`.
fn is_in_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&byte)
}

fn is_escape_that_stays(text: &[u8]) -> bool {
    match text {
        [_, b'2', b'F' | b'f', ..] => true,
        [_, high, low, ..] => {
            (*high == b'8' || *high == b'9' || b"abcdefABCDEF".contains(high)) && low.is_ascii_hexdigit()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(authority: &str, path: &str, query: Option<&str>) -> RequestHead {
        RequestHead {
            method: "GET".into(),
            scheme: "https".into(),
            authority: authority.into(),
            path_base: String::new(),
            path: path.into(),
            query: query.map(Into::into),
            raw_target: String::new(),
            protocol: "HTTP/1.1".into(),
            fields: Vec::new(),
            can_have_body: false,
        }
    }

    #[test]
    fn a_path_is_spelled_in_one_way() {
        for (path, query, expected) in [
            ("/", None, "https://a.test/"),
            ("/a b/ü", Some("x=%20y?z"), "https://a.test/a%20b/%C3%BC?x=%20y?z"),
            ("/a%2Fb%FF", None, "https://a.test/a%2Fb%FF"),
            ("/100%", None, "https://a.test/100%25"),
            ("/%41?#", Some(""), "https://a.test/%2541%3F%23?"),
            ("/", Some("<\">"), "https://a.test/?%3C%22%3E"),
        ] {
            assert_eq!(uri(&head("a.test", path, query)).to_string(), expected);
        }
    }

    #[test]
    fn who_names_no_host_has_a_path_alone() {
        assert_eq!(uri(&head("", "/a", Some("b"))).to_string(), "/a?b");
        assert_eq!(uri(&head("not a host", "/a", None)).to_string(), "/a");
        assert_eq!(uri(&head("a.test", "", None)).to_string(), "*");
    }
}
