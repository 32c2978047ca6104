//! `[traces]`: where traces go.

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
    /// The OpenTelemetry collector, for example `http://127.0.0.1:4318`. A URL without a path gets `/v1/traces`. An
    /// `https` URL needs a certificate that the system trusts.
    pub url: String,
    /// The share of traces beginning here that are recorded: 0 to 1.
    #[serde(default)]
    pub share: Share,
    /// Whether to trust `traceparent` of clients, as behind your own gateway: a request continues the trace that its
    /// client names, and is recorded if the client says so. By default each request begins a new trace with a link to
    /// the client's, because otherwise anybody who reaches the server could have all requests recorded and write into
    /// any trace.
    #[serde(default)]
    pub trust_clients: bool,
    /// Name of the server in traces.
    #[serde(default = "service_name")]
    pub service_name: String,
    /// Fields of requests to the collector whose values are stored elsewhere, such as `authorization`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, Secret>,
    /// How long sending spans may take, including retries. Spans that are not sent by then are lost.
    #[serde(default = "timeout")]
    pub timeout: Time,
}

impl Traces {
    /// A collector, with defaults for all else.
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
