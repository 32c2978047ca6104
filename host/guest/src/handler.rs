//! Functions that answer a request.

use crate::features::response::Error;
use crate::{IntoResponse, Request, Response, request};

/// Answers a request. Every function that takes a [`Request`] or nothing, and returns an [`IntoResponse`], is a
/// handler. If it takes nothing, the request is not built, which saves time. `A` is the type of its arguments.
pub trait Handler<A> {
    /// Answers the request. If it panics, the client gets a 500; if the response has begun, it breaks off.
    ///
    /// A handler may answer by calling a feature, for example `websocket.accept`. The value that it returns then has no
    /// effect, because the first response counts.
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
        Err(error) => panic!("the server refuses the response: {error:?}"),
    }
}
