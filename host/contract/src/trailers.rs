//! Which fields may stand behind the content.

use http::{HeaderMap, HeaderName};

use crate::is_connection_field;

/// Whether a field may be a trailer (RFC 9110 §6.5.1). Not those that must be known before the content is read: a party
/// that takes them from there may read the message otherwise than one that does not. Which those are is spelled out in
/// RFC 7230 §4.1.2, with the sections of RFC 7231, 7235 and 6265 that it names.
pub fn may_be_trailer(name: &HeaderName) -> bool {
    !is_connection_field(name)
        && !matches!(
            name.as_str(),
            // Framing and routing. What is of the connection is never a trailer either (RFC 9110 §7.6.1).
            "content-length" | "host"
            // Modifiers of the request: controls and conditions.
            | "cache-control" | "expect" | "max-forwards" | "pragma" | "range"
            | "if-match" | "if-modified-since" | "if-none-match" | "if-range" | "if-unmodified-since"
            // Authentication.
            | "authorization" | "proxy-authenticate" | "proxy-authorization" | "www-authenticate"
            | "cookie" | "set-cookie"
            // Control of the response.
            | "age" | "date" | "expires" | "location" | "retry-after" | "vary" | "warning"
            // How the content is to be read.
            | "content-encoding" | "content-range" | "content-type" | "trailer"
        )
}

/// Takes out what may be no trailer: what an application wants to send behind its content, where it may not.
pub fn keep_trailers(fields: &mut HeaderMap) {
    let forbidden: Vec<HeaderName> = fields.keys().filter(|name| !may_be_trailer(name)).cloned().collect();
    for name in forbidden {
        fields.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_be_known_before_the_content_may_not_follow_it() {
        for (name, expected) in [
            ("Content-Length", false),
            ("host", false),
            ("keep-alive", false),
            ("if-none-match", false),
            ("set-cookie", false),
            ("trailer", false),
            ("etag", true),
            ("digest", true),
            ("grpc-status", true),
            ("server-timing", true),
            ("x-checksum", true),
        ] {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("it is a name");
            assert_eq!(may_be_trailer(&name), expected, "{name}");
        }
    }
}
