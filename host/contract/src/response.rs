//! One response as an application returns it.

use http::header::{CONTENT_LENGTH, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, StatusCode};

use crate::{Body, Fault, HostFault};

/// One final response. The server adds framing (`content-length`, `transfer-encoding`, `date`, `connection`) as its
/// protocol asks, and drops the body where HTTP has none (HEAD, 204, 304).
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
}

/// The one place where a failure becomes an answer. The content is empty: what went wrong inside is for the log, and
/// a page with details would tell a stranger about the inside.
impl From<Fault> for Response {
    fn from(fault: Fault) -> Self {
        let seconds = if let Fault::Host(HostFault::Failing { seconds }) = fault { seconds } else { 1 };
        let mut response = Self::empty(fault.status());
        response.fields.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        if response.status == StatusCode::SERVICE_UNAVAILABLE {
            response.fields.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
