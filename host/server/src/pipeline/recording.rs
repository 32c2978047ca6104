//! The layer that records each exchange.

use std::sync::Arc;

use windhover_contract::{Request, Response};

use super::layer::{Exchange, Handler, Layer};
use crate::telemetry::Telemetry;
use crate::telemetry::record::Record;

/// Records each exchange.
pub(crate) struct Recording(pub(crate) Arc<Telemetry>);

impl Layer for Recording {
    fn handle(
        &self,
        mut request: Request,
        exchange: &mut Exchange,
        next: &impl Handler,
    ) -> impl Future<Output = Response> + Send {
        exchange.record = Record::begin(&self.0, &mut request);
        async move {
            let response = next.handle(request, exchange).await;
            match exchange.record.take() {
                Some(record) => record.follow(response),
                None => response,
            }
        }
    }
}
