//! The layer that a program puts in.

use std::sync::Arc;

use windhover_contract::{Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::interceptor::{Interception, Interceptor};

/// Shows each request to an interceptor. `None`: every request is passed on.
pub(crate) struct Intercepting(pub(crate) Option<Arc<dyn Interceptor>>);

impl Layer for Intercepting {
    async fn handle(&self, mut request: Request, exchange: &mut Exchange, next: &impl Handler) -> Response {
        let Some(interceptor) = &self.0 else { return next.handle(request, exchange).await };
        let app = exchange.app.as_ref().map(|app| &*app.name);
        match interceptor.intercept(&mut request, app) {
            Interception::Answer(response) => response,
            Interception::Pass(follow) => follow(next.handle(request, exchange).await),
        }
    }
}
