//! The layer that finds the app.

use std::sync::Arc;

use arc_swap::ArcSwap;
use windhover_contract::{Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::router::Router;

/// Finds the app that is at the request's host and path, and tells the target its path base.
pub(crate) struct Routes(pub(crate) Arc<ArcSwap<Router>>);

impl Layer for Routes {
    fn handle(
        &self,
        mut request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send {
        exchange.app = self.0.load().find(&mut request.target).cloned();
        next.handle(request, exchange)
    }
}
