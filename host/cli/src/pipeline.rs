//! What happens to each exchange between the server and its app.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::debug;
use windhover_contract::{Application, Fault, Request, Response};

use crate::app::App;
use crate::router::Router;

/// The way of each exchange: host filter and router, then the app.
pub(crate) struct Pipeline {
    router: ArcSwap<Router>,
}

impl Pipeline {
    pub(crate) fn new(router: Router) -> Self {
        Self { router: ArcSwap::from_pointee(router) }
    }

    /// Sends requests elsewhere from now on.
    pub(crate) fn reroute(&self, router: Router) {
        self.router.store(Arc::new(router));
    }
}

impl Application for Pipeline {
    async fn handle(&self, mut request: Request) -> Response {
        let found = self.router.load().find(&mut request.target).cloned();
        match found {
            Ok(app) => App::handle(app.loaded(), request).await,
            Err(fault) => {
                debug!(%fault, "a request was refused");
                Response::from(Fault::from(fault))
            }
        }
    }
}
