//! What happens to each exchange between the server and its app.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::debug;
use windhover_contract::{Application, Fault, HostFault, Request, Response};

use crate::app::App;
use crate::router::Router;
use crate::telemetry::Telemetry;

/// The way of each exchange: telemetry around all of it, host filter and router, then the app.
pub(crate) struct Pipeline {
    router: ArcSwap<Router>,
    telemetry: Arc<Telemetry>,
}

impl Pipeline {
    pub(crate) fn new(router: Router, telemetry: Arc<Telemetry>) -> Self {
        Self { router: ArcSwap::from_pointee(router), telemetry }
    }

    /// What is recorded of exchanges.
    pub(crate) fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// Every app that is served.
    pub(crate) fn apps(&self) -> Vec<Arc<App>> {
        self.router.load().apps()
    }

    /// Sends requests elsewhere from now on.
    pub(crate) fn reroute(&self, router: Router) {
        self.router.store(Arc::new(router));
    }
}

impl Application for Pipeline {
    async fn handle(&self, mut request: Request) -> Response {
        let mut record = self.telemetry.begin(&mut request);
        let found = self.router.load().find(&mut request.target).cloned();
        let response = match found {
            Ok(app) => {
                let loaded = app.loaded();
                if let Some(record) = &mut record {
                    record.answered_by(&app, loaded.as_deref(), request.target.path_base());
                }
                match loaded {
                    Some(loaded) => loaded.sandbox.handle(request).await,
                    None => Response::from(Fault::from(HostFault::NotLoaded)),
                }
            }
            Err(fault) => {
                debug!(%fault, "a request was refused");
                Response::from(Fault::from(fault))
            }
        };
        match record {
            Some(record) => record.follow(response),
            None => response,
        }
    }
}
