//! The admin endpoint, for operators: metrics, whether the server lives, whether it takes requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use windhover_contract::{Application, Body, Request, Response};

use crate::telemetry::metrics::{Metrics, classic};

/// The application of the admin endpoint.
pub(crate) struct Admin {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) readiness: Arc<Readiness>,
}

/// Whether the server takes requests. At first it does not.
#[derive(Default)]
pub(crate) struct Readiness(AtomicBool);

impl Readiness {
    /// Says so from now on.
    pub(crate) fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Relaxed);
    }
}

impl Application for Admin {
    async fn handle(&self, request: Request) -> Response {
        if ![Method::GET, Method::HEAD].contains(&request.method) {
            let mut response = Response::empty(StatusCode::METHOD_NOT_ALLOWED);
            response.fields.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match &*request.target.path() {
            "/metrics" if wants_open_metrics(&request) => {
                text(StatusCode::OK, OPEN_METRICS, self.metrics.open_metrics())
            }
            "/metrics" => text(StatusCode::OK, CLASSIC, classic(&self.metrics.open_metrics())),
            "/healthz" => text(StatusCode::OK, PLAIN, "It lives.\n"),
            "/readyz" if self.readiness.0.load(Ordering::Relaxed) => {
                text(StatusCode::OK, PLAIN, "It takes requests.\n")
            }
            "/readyz" => text(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "It starts or leaves.\n"),
            _ => text(StatusCode::NOT_FOUND, PLAIN, "There is /metrics, /healthz and /readyz.\n"),
        }
    }
}

/// Whether the client takes it at all: Prometheus prefers it, and whoever does not know it does not name it.
fn wants_open_metrics(request: &Request) -> bool {
    let mut accepted = request.fields.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    accepted.any(|value| value.contains("application/openmetrics-text"))
}

fn text(status: StatusCode, kind: &'static str, text: impl Into<bytes::Bytes>) -> Response {
    let mut response = Response::empty(status);
    response.fields.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.fields.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.body = Body::full(text);
    response
}

const PLAIN: &str = "text/plain; charset=utf-8";
const CLASSIC: &str = "text/plain; version=0.0.4; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
