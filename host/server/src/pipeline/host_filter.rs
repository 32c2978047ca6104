//! The layer that refuses hosts that the server does not answer to.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::debug;
use windhover_contract::{ClientFault, Fault, Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::router::Router;

/// Refuses hosts that the server does not answer to (`server.hosts`).
pub(crate) struct HostFilter(pub(crate) Arc<ArcSwap<Router>>);

impl Layer for HostFilter {
    async fn handle(&self, request: Request, exchange: &mut Exchange, next: &impl Handler) -> Response {
        if !self.0.load().answers_to(&request.target) {
            debug!("a request was refused: {}", ClientFault::HostForeign);
            return Fault::from(ClientFault::HostForeign).into();
        }
        next.handle(request, exchange).await
    }
}
