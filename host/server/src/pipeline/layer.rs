//! What the pipeline is made of: layers, each of which passes a request on to the next or answers it itself.

use std::sync::Arc;

use windhover_contract::{Request, Response};

use crate::app::App;
use crate::telemetry::record::Record;

/// What the layers know of one exchange. It ends when it is dropped, whether there is an answer or not.
#[derive(Default)]
pub(crate) struct Exchange {
    /// What telemetry writes down. `None`: nothing.
    pub(crate) record: Option<Box<Record>>,
    /// The app that is at the request's host and path. `None`: there is none, or it is not known yet.
    pub(crate) app: Option<Arc<App>>,
}

/// Answers requests: what is behind a layer.
pub(crate) trait Handler: Send + Sync + 'static {
    /// Answers a request. As [`windhover_contract::Application::handle`].
    fn handle(&self, request: Request, exchange: &mut Exchange) -> impl Future<Output = Response> + Send;
}

/// Stands before a handler.
pub(crate) trait Layer: Send + Sync + 'static {
    /// Passes a request on to `next`, or answers it itself.
    ///
    /// A layer that waits for nothing does its work in the call and returns the future of `next`: a request is large, and
    /// an `async fn` would copy it twice more.
    fn handle(
        &self,
        request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send;
}

/// A layer, and what is behind it.
pub(crate) struct Layered<L, H>(pub(crate) L, pub(crate) H);

impl<L: Layer, H: Handler> Handler for Layered<L, H> {
    fn handle(&self, request: Request, exchange: &mut Exchange) -> impl Future<Output = Response> + Send {
        self.0.handle(request, exchange, &self.1)
    }
}
