//! What is recorded of each exchange: a line in the log, if that is wanted, and numbers for whoever asks the admin
//! endpoint.

mod access_log;
pub(crate) mod metrics;
mod record;

use std::sync::Arc;
use std::time::Duration;

use http::Version;
use windhover_contract::{Connection, Fault, Observer, Request};

use metrics::Metrics;
pub(crate) use record::Record;

use crate::config::file::{Format, Log};

/// What is recorded.
pub(crate) struct Telemetry {
    /// How each exchange is logged. `None`: it is not.
    access_log: Option<Format>,
    /// `None`: nobody can ask for them.
    metrics: Option<Arc<Metrics>>,
}

impl Telemetry {
    pub(crate) fn new(log: &Log, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        Arc::new(Self { access_log: log.access.then_some(log.format), metrics })
    }

    /// Begins the record of an exchange. `None`: nothing is recorded.
    pub(crate) fn begin(self: &Arc<Self>, request: &mut Request) -> Option<Box<Record>> {
        (self.access_log.is_some() || self.metrics.is_some()).then(|| Record::begin(Arc::clone(self), request))
    }

    /// An exchange has ended.
    fn end(&self, record: &Record) {
        if let Some(metrics) = &self.metrics {
            metrics.end(record);
        }
        if let Some(format) = self.access_log {
            access_log::exchange(record, format);
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
}

/// A version of HTTP as OpenTelemetry writes it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
