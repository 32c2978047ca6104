//! What answers a request.

use crate::features::response::Error;
use crate::{IntoResponse, Request, Response, request};

/// What answers a request: every function from a [`Request`], or from nothing, to something that can be an answer. One
/// that takes no request is spared what it costs to have it. `A` is what it takes.
pub trait Handler<A> {
    /// Answers. Panicking gives the client a 500, or breaks off an answer that has begun.
    ///
    /// A handler that has answered by a feature itself, `websocket.accept` for example, may return whatever it likes:
    /// the first answer stands.
    fn handle(self, request: impl FnOnce() -> Request) -> Response;
}

impl<F: FnOnce(Request) -> R, R: IntoResponse> Handler<(Request,)> for F {
    fn handle(self, request: impl FnOnce() -> Request) -> Response {
        self(request()).into_response()
    }
}

impl<F: FnOnce() -> R, R: IntoResponse> Handler<()> for F {
    fn handle(self, _: impl FnOnce() -> Request) -> Response {
        self().into_response()
    }
}

/// Answers the current request.
pub fn serve<A>(handler: impl Handler<A>) {
    let (head, body) = handler.handle(request::current).into_parts();
    let fields: Vec<_> = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    match body.send(head.status.as_u16(), &fields) {
        Ok(()) | Err(Error::AlreadyStarted) => {}
        Err(error) => panic!("the server does not take this answer: {error:?}"),
    }
}
