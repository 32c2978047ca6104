//! One response as an application returns it.

use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::{Body, Fault};

/// One final response. The server adds framing (`content-length`, `transfer-encoding`, `date`, `connection`) as its
/// protocol asks, and drops the body where HTTP has none ([`Response::has_content`]).
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

    /// Takes away the content that the status forbids, and the length of it. For servers: an application need not know.
    /// A 101 stays as it is.
    pub fn strip_forbidden_content(&mut self) {
        if !Self::status_has_content(self.status) && self.status != StatusCode::SWITCHING_PROTOCOLS {
            self.body = Body::empty();
            self.fields.remove(CONTENT_LENGTH);
        }
    }
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
