//! What happens to each exchange between the server and its app.

use std::sync::Arc;

use arc_swap::ArcSwap;
use tracing::debug;
use windhover_contract::{Application, Fault, HostFault, Request, Response, Target};

use crate::app::App;
use crate::layer::{Layer, Reception};
use crate::router::Router;
use crate::telemetry::Telemetry;
use crate::telemetry::record::Record;

/// The way of each exchange: telemetry around all of it, then a layer if there is one, host filter and router, then the app.
pub(crate) struct Pipeline {
    router: ArcSwap<Router>,
    telemetry: Arc<Telemetry>,
    layer: Option<Arc<dyn Layer>>,
}

impl Pipeline {
    pub(crate) fn new(router: Router, telemetry: Arc<Telemetry>, layer: Option<Arc<dyn Layer>>) -> Self {
        Self { router: ArcSwap::from_pointee(router), telemetry, layer }
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
        let response = match &self.layer {
            None => self.answer(request, &mut record).await,
            Some(layer) => {
                let app = self.name_at(&request.target);
                match layer.receive(&mut request, app.as_deref()) {
                    Reception::Admitted(follow) => follow(self.answer(request, &mut record).await),
                    Reception::Answered(response) => response,
                }
            }
        };
        match record {
            Some(record) => record.follow(response),
            None => response,
        }
    }
}

impl Pipeline {
    /// The app that is at the target. `None`: there is none.
    fn name_at(&self, target: &Target) -> Option<Arc<str>> {
        let router = self.router.load();
        let app = router.find(&mut target.clone()).ok()?;
        Some(Arc::clone(&app.name))
    }

    /// What the app answers that is at the target.
    async fn answer(&self, mut request: Request, record: &mut Option<Box<Record>>) -> Response {
        let app = match self.router.load().find(&mut request.target) {
            Ok(app) => Arc::clone(app),
            Err(fault) => {
                debug!(%fault, "a request was refused");
                return Response::from(Fault::from(fault));
            }
        };
        let loaded = app.loaded();
        if let Some(record) = record {
            record.answered_by(&app, loaded.as_deref(), request.target.path_base());
        }
        match loaded {
            Some(loaded) => loaded.sandbox.handle(request).await,
            None => Response::from(Fault::from(HostFault::NotLoaded)),
        }
    }
}
