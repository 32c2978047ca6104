//! The layer that refuses hosts that the server does not answer to.

use std::future::ready;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures_util::future::Either;
use tracing::debug;
use windhover_contract::{ClientFault, Fault, Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::router::Router;

/// Refuses hosts that the server does not answer to (`server.hosts`).
pub(crate) struct HostFilter(pub(crate) Arc<ArcSwap<Router>>);

impl Layer for HostFilter {
    fn handle(
        &self,
        request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send {
        if !self.0.load().answers_to(&request.target) {
            debug!("a request was refused: {}", ClientFault::HostForeign);
            return Either::Left(ready(Fault::from(ClientFault::HostForeign).into()));
        }
        Either::Right(next.handle(request, exchange))
    }
}
