//! The end of the pipeline: the app answers.

use tracing::debug;
use windhover_contract::{Application, ClientFault, Fault, HostFault, Request, Response};

use super::layer::{Exchange, Handler};

/// Has the app answer that the exchange is for.
pub(crate) struct Apps;

impl Handler for Apps {
    async fn handle(&self, request: Request, exchange: &mut Exchange) -> Response {
        let Some(app) = &exchange.app else {
            debug!("a request was refused: {}", ClientFault::NoApplication);
            return Fault::from(ClientFault::NoApplication).into();
        };
        let loaded = app.loaded();
        if let Some(record) = &mut exchange.record {
            record.answered_by(app, loaded.as_deref(), request.target.path_base());
        }
        match loaded {
            Some(loaded) => loaded.sandbox.handle(request).await,
            None => Fault::from(HostFault::NotLoaded).into(),
        }
    }
}
