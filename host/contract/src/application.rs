//! What answers.

use std::future::Future;

use crate::{Request, Response};

/// Answers requests: a sandboxed guest, a router over several, a test's closure.
pub trait Application: Send + Sync + 'static {
    /// Answers one request. Infallible: what goes wrong is a [`crate::Fault`], and a fault is a response.
    ///
    /// The response's body may still be working when this future ends. Dropping this future, or later the body,
    /// cancels the exchange: the application must free all it holds for it, and must not mind being dropped at any
    /// await. Servers do so when the client is gone or when draining takes too long.
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send;
}
