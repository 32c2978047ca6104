//! Interim responses: 1xx before the answer.

use std::task::{Context, Poll};

use http::{HeaderMap, StatusCode};

/// The power to send interim responses before the answer (RFC 9110 §15.2).
pub trait Informational: Send + Sync {
    /// Takes an interim response if there is none on its way, and is ready when this one is on its way. Called with the
    /// same response until then.
    ///
    /// Only before the answer: the application has not returned its [`crate::Response`] while this waits.
    fn poll_send(&self, cx: &mut Context<'_>, status: StatusCode, fields: &HeaderMap) -> Poll<()>;
}
