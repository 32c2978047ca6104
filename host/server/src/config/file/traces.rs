//! Where traces go, as it is written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Secret;
use crate::config::units::{Share, Time};

/// Spans of each request and of the requests that its app sends, for a collector of OpenTelemetry (OTLP over HTTP).
///
/// Without it nothing is recorded, and a trace that a request is part of is passed on to the requests that its app
/// sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Traces {
    /// The collector, for example `http://127.0.0.1:4318`. A URL without a path gets `/v1/traces`. An `https` one has to
    /// have a certificate that the system trusts.
    pub url: String,
    /// How many of the traces that begin here are recorded: 0 to 1.
    #[serde(default)]
    pub share: Share,
    /// Whether clients are trusted with `traceparent`, as those behind a gateway of your own are: a request is part of the
    /// trace that its client names, and recorded if the client says so. Absent: no, because whoever reaches the server
    /// could have all of its requests recorded, and write into anybody's trace. Then each request begins a trace of its
    /// own, with a link to the client's (as OpenTelemetry's instrumentation has it for public endpoints).
    #[serde(default)]
    pub trust_clients: bool,
    /// What the server is called in traces.
    #[serde(default = "service_name")]
    pub service_name: String,
    /// Fields of requests to the collector whose values are kept elsewhere, such as `authorization`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Secret>,
    /// How long sending spans may take, retries included. What is not sent then is lost.
    #[serde(default = "timeout")]
    pub timeout: Time,
}

impl Traces {
    /// Where nothing else is said.
    pub fn to(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            share: Share::default(),
            trust_clients: false,
            service_name: service_name(),
            fields: BTreeMap::new(),
            timeout: timeout(),
        }
    }
}

fn service_name() -> String {
    "windhover".to_owned()
}

/// As OpenTelemetry's exporters (`OTEL_EXPORTER_OTLP_TIMEOUT`).
fn timeout() -> Time {
    Time(std::time::Duration::from_secs(10))
}
