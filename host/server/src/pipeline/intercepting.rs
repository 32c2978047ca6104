//! The layer that a program puts in.

use std::sync::Arc;

use futures_util::future::Either;
use windhover_contract::{Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::interceptor::{Interception, Interceptor};

/// Shows each request to an interceptor. `None`: every request is passed on.
pub(crate) struct Intercepting(pub(crate) Option<Arc<dyn Interceptor>>);

impl Layer for Intercepting {
    fn handle(
        &self,
        request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send {
        match &self.0 {
            None => Either::Left(next.handle(request, exchange)),
            Some(interceptor) => Either::Right(intercept(&**interceptor, request, exchange, next)),
        }
    }
}

async fn intercept(
    interceptor: &dyn Interceptor,
    mut request: Request,
    exchange: &mut Exchange,
    next: &impl Handler,
) -> Response {
    let app = exchange.app.as_ref().map(|app| &*app.name);
    match interceptor.intercept(&mut request, app) {
        Interception::Answer(response) => response,
        Interception::Pass(follow) => follow(next.handle(request, exchange).await),
    }
}
