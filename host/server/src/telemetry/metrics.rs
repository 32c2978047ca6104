//! Numbers about the server, as Prometheus takes them. Names are those of OpenTelemetry's semantic conventions where it
//! has some, and begin with `windhover_` elsewhere. Labels take few values, whatever clients send.

mod process;

use std::fmt::{self, Write};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeLabelValue, EncodeMetric, LabelValueEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use windhover_contract::{ConnectionCounts, ConnectionEnd, Fault, ProxyFault};
use windhover_http::Tls;

use super::facts::Facts;
use super::method::known_method;
use crate::app::App;
use crate::log;

/// All numbers.
pub(crate) struct Metrics {
    registry: Registry,
    active: Gauge,
    durations: Family<Exchange, Histogram, fn() -> Histogram>,
    received: Family<ByApp, Counter>,
    sent: Family<ByApp, Counter>,
    broken_off: Family<Reason, Counter>,
    rejected: Family<Reason, Counter>,
    proxy_headers: Family<Reason, Counter>,
    handshakes: Family<Outcome, Histogram, fn() -> Histogram>,
    connections: Family<Outcome, Histogram, fn() -> Histogram>,
    watched: Arc<Watched>,
}

/// How exchanges are told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Exchange {
    http_request_method: &'static str,
    http_response_status_code: Status,
    network_protocol_version: &'static str,
    url_scheme: &'static str,
    app: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByApp {
    app: Arc<str>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

/// A status where few values may be: one that has a name in HTTP, or the class of any other, as `2xx`; nothing where there
/// was no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Status {
    Known(u16),
    /// Hundreds.
    Class(u16),
    None,
}

impl From<Option<StatusCode>> for Status {
    fn from(status: Option<StatusCode>) -> Self {
        match status {
            Some(status) if status.canonical_reason().is_some() => Self::Known(status.as_u16()),
            Some(status) => Self::Class(status.as_u16() / 100),
            None => Self::None,
        }
    }
}

impl EncodeLabelValue for Status {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        match self {
            Self::Known(status) => write!(encoder, "{status}"),
            Self::Class(hundreds) => write!(encoder, "{hundreds}xx"),
            Self::None => Ok(()),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let (active, durations) = (Gauge::default(), Family::new_with_constructor(seconds as fn() -> Histogram));
        let (received, sent) = (Family::default(), Family::default());
        let (broken_off, rejected) = (Family::default(), Family::default());
        let handshakes = Family::new_with_constructor(seconds as fn() -> Histogram);
        registry.register("http_server_active_requests", "Requests that are being answered", active.clone());
        registry.register_with_unit(
            "http_server_request_duration",
            "Time from a request's head to the last byte of its answer",
            Unit::Seconds,
            durations.clone(),
        );
        let name = "windhover_request_content";
        registry.register_with_unit(name, "Octets of content that apps have read", Unit::Bytes, received.clone());
        let name = "windhover_response_content";
        registry.register_with_unit(name, "Octets of content that clients were sent", Unit::Bytes, sent.clone());
        let name = "windhover_broken_exchanges";
        registry.register(name, "Exchanges that broke off before their answer was whole", broken_off.clone());
        let name = "windhover_rejected_requests";
        registry.register(name, "Requests that were refused before any app saw them", rejected.clone());
        let proxy_headers = Family::default();
        let name = "windhover_refused_proxy_headers";
        registry.register(name, "Connections that were closed because of their PROXY header", proxy_headers.clone());
        registry.register_with_unit(
            "windhover_tls_handshake_duration",
            "Time that TLS handshakes took",
            Unit::Seconds,
            handshakes.clone(),
        );
        let connections = Family::new_with_constructor(connection_seconds as fn() -> Histogram);
        registry.register_with_unit(
            "windhover_connection_duration",
            "Time that connections lasted, and how they ended",
            Unit::Seconds,
            connections.clone(),
        );
        registry.register_collector(Box::new(process::Process));
        let watched = Arc::new(Watched::default());
        registry.register_collector(Box::new(Arc::clone(&watched)));
        Self {
            registry,
            active,
            durations,
            received,
            sent,
            broken_off,
            rejected,
            proxy_headers,
            handshakes,
            connections,
            watched,
        }
    }

    /// Tells about these too, from now on.
    pub(crate) fn watch(
        &self,
        connections: impl Fn() -> ConnectionCounts + Send + Sync + 'static,
        apps: impl Fn() -> Vec<Arc<App>> + Send + Sync + 'static,
    ) {
        let _ = self.watched.server.set((Box::new(connections), Box::new(apps))); // once is enough
    }

    /// Tells until when the certificates of these endpoints are valid, in place of those before.
    pub(crate) fn watch_certificates(&self, endpoints: Vec<(String, Arc<Tls>)>) {
        *self.watched.certificates.lock() = endpoints;
    }

    pub(super) fn begin(&self) {
        self.active.inc();
    }

    pub(super) fn end(&self, facts: &Facts) {
        self.active.dec();
        let app = facts.app.as_ref().map_or_else(|| "".into(), |(app, _)| Arc::clone(app));
        let exchange = Exchange {
            http_request_method: known_method(&facts.method),
            http_response_status_code: facts.status.into(),
            network_protocol_version: facts.protocol(),
            url_scheme: facts.scheme.as_str(),
            app: Arc::clone(&app),
        };
        self.durations.get_or_create(&exchange).observe(facts.took().as_secs_f64());
        let by_app = ByApp { app };
        self.received.get_or_create(&by_app).inc_by(facts.read());
        self.sent.get_or_create(&by_app).inc_by(facts.sent);
        if let Some(fault) = facts.broken_off() {
            self.broken_off.get_or_create(&Reason { reason: fault.code() }).inc();
        }
    }

    pub(super) fn rejected(&self, fault: &Fault) {
        self.rejected.get_or_create(&Reason { reason: fault.code() }).inc();
    }

    pub(super) fn proxy_header_refused(&self, fault: ProxyFault) {
        self.proxy_headers.get_or_create(&Reason { reason: fault.code() }).inc();
    }

    pub(super) fn handshake(&self, took: Duration, has_failed: bool) {
        let outcome = Outcome { outcome: if has_failed { "failed" } else { "done" } };
        self.handshakes.get_or_create(&outcome).observe(took.as_secs_f64());
    }

    pub(super) fn connection_ended(&self, lasted: Duration, end: ConnectionEnd<'_>) {
        let outcome = match end {
            ConnectionEnd::Closed => "closed",
            ConnectionEnd::Broken(_) => "broken",
            ConnectionEnd::Refused => "refused",
        };
        self.connections.get_or_create(&Outcome { outcome }).observe(lasted.as_secs_f64());
    }

    /// In the OpenMetrics text format 1.0.0, which Prometheus asks for.
    pub(crate) fn open_metrics(&self) -> String {
        let mut text = String::new();
        let written = prometheus_client::encoding::text::encode(&mut text, &self.registry);
        written.expect("a string takes everything");
        text
    }
}

/// The same in Prometheus' own text format 0.0.4, for whoever does not ask for OpenMetrics. There a counter is called like
/// its samples, and nothing tells of units or of the end.
pub(crate) fn classic(open_metrics: &str) -> String {
    let (mut classic, mut help) = (String::new(), None);
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap_or((described, ""));
            let total = if kind == "counter" { "_total" } else { "" };
            let text =
                help.take().and_then(|help| help.strip_prefix("# HELP ")?.strip_prefix(name)).unwrap_or_default();
            classic.push_str(&format!("# HELP {name}{total}{text}\n# TYPE {name}{total} {kind}\n"));
        } else if !line.starts_with('#') {
            classic.push_str(line);
            classic.push('\n');
        }
    }
    classic
}

/// OpenTelemetry's boundaries for `http.server.request.duration`.
fn seconds() -> Histogram {
    Histogram::new([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0])
}

/// As Kestrel's `kestrel.connection.duration`.
fn connection_seconds() -> Histogram {
    Histogram::new([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0])
}

/// What is asked for when somebody asks, once there is something to ask.
#[derive(Default)]
struct Watched {
    server: OnceLock<(Box<Connections>, Box<Apps>)>,
    /// By the endpoint's name.
    certificates: Mutex<Vec<(String, Arc<Tls>)>>,
}

type Connections = dyn Fn() -> ConnectionCounts + Send + Sync;
type Apps = dyn Fn() -> Vec<Arc<App>> + Send + Sync;

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watched")
    }
}

impl Collector for Watched {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Lines of the log that were dropped because nobody read those before them";
        let metric = encoder.encode_descriptor("windhover_dropped_log_lines", help, None, MetricType::Counter)?;
        ConstCounter::new(log::dropped_lines()).encode(metric)?;
        self.encode_certificates(&mut encoder)?;
        let Some((connections, apps)) = self.server.get() else { return Ok(()) };
        let connections = connections();
        gauge(&mut encoder, "windhover_active_connections", "Connections that speak HTTP", connections.open)?;
        let help = "Connections that speak another protocol";
        gauge(&mut encoder, "windhover_upgraded_connections", help, connections.upgraded)?;
        let apps = apps();
        let help = "Instances at work, and requests that wait for one";
        let mut family = encoder.encode_descriptor("windhover_instances", help, None, MetricType::Gauge)?;
        for app in &apps {
            let load = app.loaded().map_or_else(Default::default, |loaded| loaded.sandbox.load());
            for (state, number) in [("at work", load.at_work), ("waited for", load.waiting)] {
                let labels = [("app", &*app.name), ("state", state)];
                ConstGauge::new(number as i64).encode(family.encode_family(&labels)?)?;
            }
        }
        let help = "Apps that trapped again and again, and are left alone for a while";
        let mut family = encoder.encode_descriptor("windhover_app_left_alone", help, None, MetricType::Gauge)?;
        for app in &apps {
            let is_paused = app.loaded().is_some_and(|loaded| loaded.sandbox.load().is_paused);
            let labels = [("app", &*app.name)];
            ConstGauge::new(i64::from(is_paused)).encode(family.encode_family(&labels)?)?;
        }
        let help = "Apps, with the version that is served; 0: it could not be loaded";
        let mut family = encoder.encode_descriptor("windhover_app", help, None, MetricType::Gauge)?;
        for app in &apps {
            let loaded = app.loaded();
            let version = loaded.as_ref().map_or("", |loaded| &loaded.version);
            let labels = [("app", &*app.name), ("version", version)];
            ConstGauge::new(i64::from(loaded.is_some())).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl Watched {
    /// When the certificates run out, as a time: who asks compares it with its own.
    fn encode_certificates(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let endpoints = self.certificates.lock().clone();
        if endpoints.is_empty() {
            return Ok(());
        }
        let (name, help) = ("windhover_certificate_not_after", "When a certificate runs out, since the epoch of Unix");
        let mut family = encoder.encode_descriptor(name, help, Some(&Unit::Seconds), MetricType::Gauge)?;
        for (endpoint, tls) in &endpoints {
            for certificate in tls.certificates() {
                let labels = [("endpoint", &**endpoint), ("name", certificate.name.as_deref().unwrap_or(""))];
                ConstGauge::new(certificate.not_after).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> fmt::Result {
    let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    ConstGauge::new(value as i64).encode(metric)
}
