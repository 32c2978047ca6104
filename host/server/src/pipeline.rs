//! What happens to each exchange between the server and its app.

mod apps;
mod forwarded_facts;
mod host_filter;
mod intercepting;
mod layer;
mod recording;
mod routes;

use std::sync::Arc;

use arc_swap::ArcSwap;
use windhover_contract::{Application, Request, Response};

use crate::app::App;
use crate::endpoints::Endpoints;
use crate::forwarded::Proxies;
use crate::interceptor::{Interceptor, ServedApps};
use crate::router::Router;
use crate::telemetry::Telemetry;
use apps::Apps;
use forwarded_facts::ForwardedFacts;
use host_filter::HostFilter;
use intercepting::Intercepting;
use layer::{Exchange, Handler, Layered};
use recording::Recording;
use routes::Routes;

/// The layers, the outermost first.
type Layers = Layered<
    ForwardedFacts, // what trusted proxies tell, so that all that follows sees the client
    Layered<
        Recording, // telemetry, around all that follows
        Layered<
            HostFilter, // refuses hosts that the server does not answer to
            Layered<
                Routes, // finds the app
                Layered<
                    Intercepting, // what a program put in: `windhover dev` does
                    Apps,         // the app answers
                >,
            >,
        >,
    >,
>;

/// The way of each exchange.
pub(crate) struct Pipeline {
    layers: Layers,
    router: Arc<ArcSwap<Router>>,
    proxies: Arc<ArcSwap<Proxies>>,
    telemetry: Arc<Telemetry>,
}

impl Pipeline {
    /// Trusts no proxy until [`Pipeline::trust`] says so.
    pub(crate) fn new(router: Router, telemetry: Arc<Telemetry>, interceptor: Option<Arc<dyn Interceptor>>) -> Self {
        let proxies = Arc::<ArcSwap<Proxies>>::default();
        let router = Arc::new(ArcSwap::from_pointee(router));
        let layers = Layered(Intercepting(interceptor), Apps);
        let layers = Layered(Routes(Arc::clone(&router)), layers);
        let layers = Layered(HostFilter(Arc::clone(&router)), layers);
        let layers = Layered(Recording(Arc::clone(&telemetry)), layers);
        let layers = Layered(ForwardedFacts(Arc::clone(&proxies)), layers);
        Self { layers, router, proxies, telemetry }
    }

    /// What is recorded of exchanges.
    pub(crate) fn telemetry(&self) -> Arc<Telemetry> {
        Arc::clone(&self.telemetry)
    }

    /// Every app that is served.
    pub(crate) fn apps(&self) -> Vec<Arc<App>> {
        self.router.load().apps()
    }

    /// The same, for as long as they are served.
    pub(crate) fn served_apps(&self) -> ServedApps {
        ServedApps::of(&self.router)
    }

    /// Trusts the proxies of these endpoints from now on.
    pub(crate) fn trust(&self, endpoints: &Endpoints) {
        self.proxies.store(Arc::new(self.proxies.load().next(endpoints.proxies())));
    }

    /// Sends requests elsewhere from now on.
    pub(crate) fn reroute(&self, router: Router) {
        self.router.store(Arc::new(router));
    }
}

impl Application for Pipeline {
    async fn handle(&self, request: Request) -> Response {
        self.layers.handle(request, &mut Exchange::default()).await
    }
}
