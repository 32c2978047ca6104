//! What is recorded of each exchange: a line in the log, if that is wanted, and numbers for whoever asks the admin
//! endpoint.

mod access_log;
mod method;
pub(crate) mod metrics;
pub(crate) mod record;
pub(crate) mod traces;

use std::sync::Arc;
use std::time::Duration;

use http::Version;
use tokio::task::spawn_blocking;
use tracing::error;
use windhover_contract::{Connection, ConnectionEnd, Fault, Observer, Request};

use metrics::Metrics;
pub(crate) use record::Record;
use traces::Traces;

use crate::config::file::{Format, Log};

/// What is recorded.
pub(crate) struct Telemetry {
    /// How each exchange is logged. `None`: it is not.
    access_log: Option<Format>,
    /// `None`: nobody can ask for them.
    metrics: Option<Arc<Metrics>>,
    /// `None`: nobody collects them.
    traces: Option<Traces>,
}

impl Telemetry {
    pub(crate) fn new(log: &Log, metrics: Option<Arc<Metrics>>, traces: Option<Traces>) -> Arc<Self> {
        Arc::new(Self { access_log: log.access.then_some(log.format), metrics, traces })
    }

    /// Begins the record of an exchange. `None`: nothing is recorded.
    pub(crate) fn begin(self: &Arc<Self>, request: &mut Request) -> Option<Box<Record>> {
        let is_recorded = self.access_log.is_some() || self.metrics.is_some() || self.traces.is_some();
        is_recorded.then(|| Record::begin(Arc::clone(self), request))
    }

    /// Sends what waits to be sent. Takes a few seconds at most.
    pub(crate) async fn close(self: Arc<Self>) {
        if self.traces.is_some() {
            // On another thread, because it waits for what is sent by this one.
            let closed = spawn_blocking(move || self.traces.iter().for_each(Traces::close));
            closed.await.unwrap_or_else(|panic| error!(%panic, "{PANICKED}"));
        }
    }

    /// An exchange has ended.
    fn end(&self, record: &Record) {
        if let Some(metrics) = &self.metrics {
            metrics.end(record);
        }
        if let Some(format) = self.access_log {
            access_log::exchange(record, format);
        }
        if let Some(span) = &record.span {
            span.end(record);
        }
    }
}

impl Observer for Telemetry {
    fn rejected(&self, fault: &Fault, connection: &Connection, version: Version) {
        if let Some(metrics) = &self.metrics {
            metrics.rejected(fault);
        }
        if self.access_log.is_some() {
            access_log::rejection(fault, connection, version);
        }
    }

    fn handshake(&self, took: Duration, failure: Option<&str>) {
        if let Some(metrics) = &self.metrics {
            metrics.handshake(took, failure.is_some());
        }
    }

    fn connection_ended(&self, lasted: Duration, end: ConnectionEnd<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.connection_ended(lasted, end);
        }
    }
}

const PANICKED: &str = "sending the last traces panicked; this is a bug in Windhover";

/// A version of HTTP as OpenTelemetry writes it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
