//! The layer that learns about the client from trusted proxies.

use std::sync::Arc;

use arc_swap::ArcSwap;
use windhover_contract::{Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::forwarded::Proxies;

/// Applies what trusted proxies tell, and removes what others claim (`endpoints.NAME.proxy`).
pub(crate) struct ForwardedFacts(pub(crate) Arc<ArcSwap<Proxies>>);

impl Layer for ForwardedFacts {
    fn handle(
        &self,
        mut request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send {
        self.0.load().apply(&mut request);
        next.handle(request, exchange)
    }
}
