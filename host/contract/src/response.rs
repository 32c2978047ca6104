//! One response as an application returns it.

use http::header::{CONNECTION, CONTENT_LENGTH, RETRY_AFTER, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use http_body::Body as _;

use crate::{Body, Fault, GuestFault};

/// One final response. The server adds what its protocol needs (`content-length`, `transfer-encoding`, `date`,
/// `connection`), drops the body where HTTP has none ([`Response::has_content`]) and removes the fields of the connection
/// that an application has set ([`Response::prepare`]).
#[derive(Debug)]
pub struct Response {
    /// The status: 200 to 999, or 101 to accept a [`crate::Upgrade`]. Interim responses are not responses in this
    /// sense.
    pub status: StatusCode,
    /// The header fields, without connection-level ones.
    pub fields: HeaderMap,
    /// The content. An error in it resets the exchange: the client learns that the content is incomplete.
    pub body: Body,
}

impl Response {
    /// A response without fields and content.
    pub fn empty(status: StatusCode) -> Self {
        Self { status, fields: HeaderMap::new(), body: Body::empty() }
    }

    /// Whether the answer with this status to a request with this method carries content, though it may be empty. Not to
    /// HEAD (RFC 9110 §9.3.2), nor as a success to CONNECT (§9.3.6), nor with a status that has none
    /// ([`Response::status_has_content`]). What follows a 101, or the success that an extended CONNECT asked for, is
    /// another protocol and no content.
    pub fn has_content(method: &Method, status: StatusCode) -> bool {
        let is_without = *method == Method::HEAD || (*method == Method::CONNECT && status.is_success());
        !is_without && Self::status_has_content(status)
    }

    /// Whether an answer with this status may carry content: not 1xx, 204 and 304 (RFC 9110 §6.4.1), nor 205 (§15.3.6),
    /// whose content is there and has the length zero.
    pub fn status_has_content(status: StatusCode) -> bool {
        let is_without =
            matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
        !is_without && !status.is_informational()
    }

    /// Makes the response ready to be sent. Every server calls this once for each response, whoever made it, so the rules
    /// are the same in every version of HTTP:
    ///
    /// - A status that no final response has (1xx, but for an accepted upgrade) becomes 500.
    /// - The fields of the connection belong to the server: those of the application are removed (RFC 9110 §7.6.1). HTTP/1.x
    ///   keeps `upgrade`, which tells what a client may ask for (§7.8), and gets `connection`.
    /// - Where there is no content ([`Response::has_content`]) the body is dropped.
    /// - `content-length` is left out with 1xx, 204 and 304, and with what accepts an upgrade (§8.6). With 205 it is 0. A
    ///   response to HEAD may tell the length that GET has. Else it is the length of the body, where that is known before it
    ///   is sent; the application's own value counts only where it is not.
    ///
    /// The server still has to write `content-length`, if `fields` has none, and `date`.
    pub fn prepare(&mut self, delivery: Delivery) -> Framing {
        if self.status.is_informational() && !delivery.is_upgrade {
            *self = Self::from(Fault::from(GuestFault::NoResponse));
        }
        self.prepare_connection_fields(delivery);
        let framing = self.framing(delivery);
        if !framing.has_content {
            self.body = Body::empty();
        }
        framing
    }

    fn prepare_connection_fields(&mut self, delivery: Delivery) {
        let is_http1 = delivery.version < Version::HTTP_2;
        let is_removed = |name: &HeaderName| is_connection_field(name) && !(is_http1 && *name == UPGRADE);
        if self.fields.keys().any(is_removed) {
            let removed: Vec<HeaderName> = self.fields.keys().filter(|name| is_removed(name)).cloned().collect();
            for name in removed {
                self.fields.remove(name);
            }
        }
        if !is_http1 {
            return;
        }
        if delivery.closes && !delivery.is_upgrade {
            self.fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // RFC 9110 §7.8: a sender of `upgrade` says that it is about the connection.
        if delivery.is_upgrade || self.fields.contains_key(UPGRADE) {
            self.fields.append(CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }

    fn framing(&mut self, delivery: Delivery) -> Framing {
        if delivery.is_upgrade || matches!(self.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            self.fields.remove(CONTENT_LENGTH);
            return Framing { length: None, has_content: delivery.is_upgrade };
        }
        if self.status == StatusCode::RESET_CONTENT {
            self.fields.remove(CONTENT_LENGTH);
            return Framing { length: Some(0), has_content: false };
        }
        let told = content_length(&self.fields);
        let known = self.body.size_hint().exact();
        // A body that stands for the content of GET may be empty without saying anything about that.
        let length = if delivery.only_head { told.or(known.filter(|size| *size > 0)) } else { known.or(told) };
        if length.is_none() || length != told {
            self.fields.remove(CONTENT_LENGTH);
        }
        if let (Some(length), true) = (length, delivery.only_head && told.is_none()) {
            self.fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Framing { length, has_content: !delivery.only_head }
    }
}

/// What of an exchange decides on the form of its response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The version of HTTP that the client gets.
    pub version: Version,
    /// The request's method is HEAD.
    pub only_head: bool,
    /// The response accepts an upgrade that the client asked for: what follows is another protocol.
    pub is_upgrade: bool,
    /// The connection closes behind the response. Only HTTP/1.x says so in each response.
    pub closes: bool,
}

/// How the content of a response is delimited. See [`Response::prepare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// What `content-length` says. `None`: there is no such field. With content that means that its length is not known
    /// before its end.
    pub length: Option<u64>,
    /// Whether content follows the head, though it may be empty, or another protocol.
    pub has_content: bool,
}

/// Whether a field is about one connection, so that only the server may set it (RFC 9110 §7.6.1, RFC 9113 §8.2.2).
pub fn is_connection_field(name: &HeaderName) -> bool {
    matches!(name.as_str(), "connection" | "keep-alive" | "proxy-connection" | "te" | "transfer-encoding" | "upgrade")
}

/// The one number that `content-length` says (RFC 9110 §8.6). `None`: there is none, or not one.
fn content_length(fields: &HeaderMap) -> Option<u64> {
    let mut values = fields.get_all(CONTENT_LENGTH).iter();
    let only = values.next().filter(|_| values.next().is_none())?.as_bytes();
    // `parse` would take a sign too.
    only.iter().all(u8::is_ascii_digit).then(|| std::str::from_utf8(only).ok()?.parse().ok()).flatten()
}

/// The one place where a failure becomes an answer. The content is empty: what went wrong inside is for the log, and
/// a page with details would tell a stranger about the inside.
impl From<Fault> for Response {
    fn from(fault: Fault) -> Self {
        let mut response = Self::empty(fault.status());
        response.fields.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        if let Some(time) = fault.retry_after() {
            response.fields.insert(RETRY_AFTER, HeaderValue::from(time.as_secs()));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Delivery = Delivery { version: Version::HTTP_11, only_head: false, is_upgrade: false, closes: false };
    const HEAD: Delivery = Delivery { only_head: true, ..GET };
    const UPGRADE_ACCEPTED: Delivery = Delivery { is_upgrade: true, ..GET };

    fn response(status: u16, fields: &[(&'static str, &'static str)], body: Body) -> Response {
        let mut response = Response::empty(StatusCode::from_u16(status).expect("it is a status"));
        for (name, value) in fields {
            response.fields.append(*name, HeaderValue::from_static(value));
        }
        response.body = body;
        response
    }

    /// What `content-length` says in the end, and whether content follows.
    fn prepared(delivery: Delivery, status: u16, told: Option<&'static str>, body: Body) -> (Option<u64>, bool) {
        let fields: Vec<_> = told.map(|told| ("content-length", told)).into_iter().collect();
        let mut response = response(status, &fields, body);
        let framing = response.prepare(delivery);
        assert!(framing.has_content || response.body.is_empty(), "a body without content is dropped");
        let field = content_length(&response.fields);
        assert!(field.is_none() || field == framing.length, "the field says {field:?}, the framing {framing:?}");
        assert!(!delivery.only_head || field == framing.length, "the length of a response to HEAD stands in its field");
        (framing.length, framing.has_content)
    }

    /// Content whose length is not known before its end.
    fn unknown() -> Body {
        struct Unknown;
        impl http_body::Body for Unknown {
            type Data = bytes::Bytes;
            type Error = Fault;
            fn poll_frame(
                self: std::pin::Pin<&mut Self>,
                _: &mut std::task::Context<'_>,
            ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Fault>>> {
                std::task::Poll::Ready(None)
            }
        }
        Body::stream(Unknown)
    }

    #[test]
    fn the_length_is_that_of_the_body_where_it_is_known() {
        for (told, body, expected) in [
            (None, Body::full("abc"), Some(3)),
            (Some("3"), Body::full("abc"), Some(3)),
            (Some("5"), Body::full("abc"), Some(3)),
            (Some("5"), Body::empty(), Some(0)),
            (Some("5"), unknown(), Some(5)),
            (Some("five"), unknown(), None),
            (Some("+5"), unknown(), None),
            (Some(""), unknown(), None),
            (Some("99999999999999999999"), unknown(), None),
            (None, unknown(), None),
            (None, Body::empty(), Some(0)),
        ] {
            assert_eq!(prepared(GET, 200, told, body), (expected, true), "{told:?}");
        }
    }

    #[test]
    fn a_response_to_head_may_tell_the_length_of_get() {
        for (told, body, expected) in [
            (None, Body::full("abc"), Some(3)),
            (Some("5"), Body::empty(), Some(5)),
            (Some("5"), unknown(), Some(5)),
            (None, Body::empty(), None),
            (None, unknown(), None),
            (Some("five"), Body::empty(), None),
        ] {
            assert_eq!(prepared(HEAD, 200, told, body), (expected, false), "{told:?}");
        }
    }

    #[test]
    fn some_statuses_have_no_content_and_some_no_length() {
        for delivery in [GET, HEAD] {
            assert_eq!(prepared(delivery, 204, Some("3"), Body::full("abc")), (None, false));
            assert_eq!(prepared(delivery, 304, Some("3"), Body::full("abc")), (None, false));
        }
        assert_eq!(prepared(GET, 205, Some("3"), Body::full("abc")), (Some(0), false));
        assert_eq!(prepared(UPGRADE_ACCEPTED, 101, Some("3"), unknown()), (None, true));
        assert_eq!(
            prepared(Delivery { version: Version::HTTP_2, ..UPGRADE_ACCEPTED }, 200, None, unknown()),
            (None, true)
        );
    }

    #[test]
    fn a_status_that_is_not_final_becomes_500() {
        for status in [100, 101, 103] {
            let mut response = response(status, &[("x", "1")], Body::full("abc"));
            response.prepare(GET);
            assert_eq!((response.status.as_u16(), response.fields.contains_key("x")), (500, false));
        }
    }

    #[test]
    fn the_fields_of_the_connection_are_the_servers() {
        let own = [
            ("connection", "close, x"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("te", "gzip"),
            ("transfer-encoding", "gzip"),
            ("upgrade", "h2c"),
            ("x", "1"),
        ];
        let closes = Delivery { closes: true, ..GET };
        let http2 = Delivery { version: Version::HTTP_2, ..closes };
        for (delivery, fields, expected) in [
            (GET, &own[..5], &[][..]),
            (GET, &own[..], &[("upgrade", "h2c"), ("x", "1"), ("connection", "upgrade")]),
            (closes, &own[6..], &[("x", "1"), ("connection", "close")]),
            (closes, &own[5..6], &[("upgrade", "h2c"), ("connection", "close"), ("connection", "upgrade")]),
            (UPGRADE_ACCEPTED, &own[5..], &[("upgrade", "h2c"), ("x", "1"), ("connection", "upgrade")]),
            (http2, &own[..], &[("x", "1")]),
        ] {
            let status = if delivery.is_upgrade { 101 } else { 426 };
            let mut response = response(status, fields, Body::empty());
            response.prepare(delivery);
            let text = |value: &'_ HeaderValue| value.to_str().expect("it is text").to_owned();
            let mut left: Vec<_> = response.fields.iter().map(|(name, value)| (name.as_str(), text(value))).collect();
            let mut expected: Vec<_> = expected.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
            left.sort();
            expected.sort();
            assert_eq!(left, expected, "{delivery:?}");
        }
    }
}
