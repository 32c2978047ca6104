//! What is recorded of each exchange: a line in the log, if that is wanted, and numbers for whoever asks the admin
//! endpoint.

mod access_log;
mod facts;
mod method;
pub(crate) mod metrics;
pub(crate) mod record;
pub(crate) mod traces;

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Version;
use parking_lot::Mutex;
use tokio::task::spawn_blocking;
use tracing::{error, info};
use windhover_contract::{Connection, ConnectionEnd, Fault, Observer, ProxyFault, Request};

use facts::Facts;
use metrics::Metrics;
use traces::{Span, Traces};

use crate::config::file::{Format, Log};
use crate::endpoints::Endpoints;

/// What is recorded.
pub(crate) struct Telemetry {
    /// How each exchange is logged. `None`: it is not.
    access_log: Option<Format>,
    /// `None`: nobody can ask for them.
    metrics: Option<Arc<Metrics>>,
    /// `None`: nobody collects them.
    traces: Option<Traces>,
    /// How many failed handshakes are logged.
    handshakes: Ration,
    /// How many refused PROXY headers are logged.
    proxy_headers: Ration,
}

impl Telemetry {
    pub(crate) fn new(log: &Log, metrics: Option<Arc<Metrics>>, traces: Option<Traces>) -> Arc<Self> {
        let access_log = log.access.then_some(log.format);
        Arc::new(Self { access_log, metrics, traces, handshakes: Ration::default(), proxy_headers: Ration::default() })
    }

    /// Tells about the certificates of these endpoints, in place of those before.
    pub(crate) fn watch_certificates(&self, endpoints: &Endpoints) {
        if let Some(metrics) = &self.metrics {
            metrics.watch_certificates(endpoints.secured());
        }
    }

    /// Whether anything is recorded.
    fn records(&self) -> bool {
        self.access_log.is_some() || self.metrics.is_some() || self.traces.is_some()
    }

    /// An exchange begins.
    fn begin(&self, request: &mut Request) -> Option<Span> {
        if let Some(metrics) = &self.metrics {
            metrics.begin();
        }
        self.traces.as_ref().map(|traces| traces.begin(request))
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
    fn end(&self, facts: &Facts, span: Option<&Span>) {
        if let Some(metrics) = &self.metrics {
            metrics.end(facts);
        }
        if let Some(format) = self.access_log {
            access_log::exchange(facts, format);
        }
        if let Some(span) = span {
            span.end(facts);
        }
    }
}

impl Observer for Telemetry {
    fn rejected(&self, connection: &Connection, fault: &Fault, version: Version) {
        if let Some(metrics) = &self.metrics {
            metrics.rejected(fault);
        }
        if self.access_log.is_some() {
            access_log::rejection(fault, connection, version);
        }
    }

    fn handshake(&self, connection: &Connection, took: Duration, failure: Option<&str>) {
        if let Some(metrics) = &self.metrics {
            metrics.handshake(took, failure.is_some());
        }
        if let Some(reason) = failure
            && let Some(untold) = self.handshakes.take(Instant::now())
        {
            let client = connection.remote().map(|remote| remote.to_string()).unwrap_or_default();
            info!(client, untold, "a TLS handshake failed: {reason}");
        }
    }

    fn proxy_header_refused(&self, connection: &Connection, fault: ProxyFault) {
        if let Some(metrics) = &self.metrics {
            metrics.proxy_header_refused(fault);
        }
        if let Some(untold) = self.proxy_headers.take(Instant::now()) {
            let peer = connection.socket.remote.map(|remote| remote.to_string()).unwrap_or_default();
            info!(peer, code = fault.code(), untold, "refused a connection: {fault}");
        }
    }

    fn connection_ended(&self, _: &Connection, lasted: Duration, end: ConnectionEnd<'_>) {
        if let Some(metrics) = &self.metrics {
            metrics.connection_ended(lasted, end);
        }
    }
}

/// Lines that clients can cause as often as they like: a few in a second.
#[derive(Default)]
struct Ration(Mutex<Told>);

#[derive(Default)]
struct Told {
    /// `None`: nothing was told yet.
    since: Option<Instant>,
    lines: u32,
    untold: u64,
}

impl Ration {
    /// Whether one more may be told; then how many were not since the last.
    fn take(&self, now: Instant) -> Option<u64> {
        let mut told = self.0.lock();
        if told.since.is_none_or(|since| now.saturating_duration_since(since) >= SECOND) {
            (told.since, told.lines) = (Some(now), 0);
        }
        if told.lines == MAX_LINES {
            told.untold += 1;
            return None;
        }
        told.lines += 1;
        Some(std::mem::take(&mut told.untold))
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Enough to see what kinds of clients fail, and little enough for a log.
const MAX_LINES: u32 = 10;

const PANICKED: &str = "sending the last traces panicked; this is a bug in Windhover";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_lines_a_few_in_a_second_are_told_and_the_others_counted() {
        let (ration, begun) = (Ration::default(), Instant::now());
        let told = (0..100).filter(|_| ration.take(begun).is_some()).count();
        assert_eq!(told, 10);
        assert_eq!(ration.take(begun + SECOND / 2), None);
        assert_eq!(ration.take(begun + SECOND), Some(91));
        assert_eq!(ration.take(begun + SECOND), Some(0));
    }
}
