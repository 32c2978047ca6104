//! Spans of exchanges and of the requests that apps send for them, for a collector of OpenTelemetry. Names are those of
//! its semantic conventions for HTTP, and begin with `windhover.` elsewhere.

mod client;

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http::header::USER_AGENT;
use http::{HeaderMap, Method, StatusCode, Uri};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
    TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::HeaderInjector;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider};
use tracing::warn;
use windhover_contract::{Request, Trace, TraceContext, TracedCall};

use self::client::Client;
use super::facts::Facts;
use super::method::known_method;
use crate::config::file;
use crate::config::validate::collector;
use crate::secret::secret;

/// Where spans go.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    trusts_clients: bool,
}

/// The span of an exchange. Clones are the same span.
#[derive(Clone)]
pub(super) struct Span {
    tracer: SdkTracer,
    context: Context,
}

impl Traces {
    /// Must be called on a runtime. That the collector is there is not asked for: it may come later.
    pub(crate) fn open(written: &file::Traces) -> anyhow::Result<Self> {
        let fields = written.fields.iter().map(|(name, kept)| Ok((name.clone(), secret(name, kept)?)));
        let fields = fields.collect::<anyhow::Result<HashMap<_, _>>>().context("traces.fields")?;
        let client = Client::new(written.timeout.0).context("traces: the system's authorities cannot be read")?;
        let url = collector(&written.url).map_err(anyhow::Error::msg).context("traces.url")?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(url.to_string())
            .with_headers(fields)
            .with_timeout(written.timeout.0)
            .build()
            .context("traces cannot be sent")?;
        let config = BatchConfigBuilder::default().with_max_queue_size(MAX_WAITING).with_scheduled_delay(DELAY).build();
        let resource = Resource::builder()
            .with_service_name(written.service_name.clone())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(config).build())
            .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(written.share.as_f64()))))
            .with_resource(resource)
            .build();
        Ok(Self { tracer: provider.tracer("windhover"), provider, trusts_clients: written.trust_clients })
    }

    /// Begins the span of an exchange: as part of the trace that the request's fields name, if clients are trusted with
    /// that, else as a trace of its own with a link to theirs. From now on the fields name this span.
    pub(super) fn begin(&self, request: &mut Request) -> Span {
        let named = parent(&request.fields);
        let builder = self.tracer.span_builder(known_method(&request.method)).with_kind(SpanKind::Server);
        let span = if self.trusts_clients || !named.has_active_span() {
            self.tracer.build_with_context(builder, &named)
        } else {
            let link = Link::with_context(named.span().span_context().clone());
            self.tracer.build_with_context(builder.with_links(vec![link]), &Context::new())
        };
        let span = Span { tracer: self.tracer.clone(), context: Context::new().with_span(span) };
        let agent = request.fields.get(USER_AGENT).and_then(|agent| agent.to_str().ok());
        if let Some(agent) = agent.filter(|_| span.is_recorded()) {
            span.set("user_agent.original", agent.to_owned());
        }
        name(&span.context, &mut request.fields);
        request.features.trace = Some(Arc::new(span.clone()));
        span
    }

    /// Sends what waits. Blocks for as long as [`END`].
    pub(crate) fn close(&self) {
        if let Err(reason) = self.provider.shutdown_with_timeout(END) {
            warn!("some traces were not sent: {reason}");
        }
    }
}

impl Span {
    fn is_recorded(&self) -> bool {
        self.context.span().is_recording()
    }

    fn set(&self, name: &'static str, value: impl Into<opentelemetry::Value>) {
        self.context.span().set_attribute(KeyValue::new(name, value));
    }

    /// Ends it, with what is known of the exchange.
    pub(super) fn end(&self, facts: &Facts) {
        if !self.is_recorded() {
            return;
        }
        let method = known_method(&facts.method);
        self.set("http.request.method", method);
        if method != facts.method.as_str() {
            self.set("http.request.method_original", facts.method.as_str().to_owned());
        }
        if let Some(route) = &facts.route {
            self.context.span().update_name(format!("{method} {route}"));
            self.set("http.route", route.clone());
        }
        self.set("url.path", facts.path.clone());
        self.set("url.scheme", facts.scheme.as_str());
        self.set("network.protocol.version", facts.protocol());
        if let Some((host, port)) = facts.host.as_deref().and_then(host_and_port) {
            self.set("server.address", host);
            port.into_iter().for_each(|port| self.set("server.port", i64::from(port)));
        }
        if let Some(remote) = facts.connection.as_ref().and_then(|connection| connection.remote()) {
            self.set("client.address", remote.ip().to_string());
        }
        if let Some((app, version)) = &facts.app {
            self.set("windhover.app", app.to_string());
            self.set("windhover.app.version", version.to_string());
        }
        if let Some(identifier) = &facts.identifier {
            self.set("windhover.request.id", identifier.to_string());
        }
        if let Some(status) = facts.status {
            self.answered(status, StatusCode::is_server_error);
        }
        if let Some(fault) = facts.broken_off() {
            self.failed(fault.code().to_owned());
        }
        self.context.span().end();
    }

    fn answered(&self, status: StatusCode, is_error: fn(&StatusCode) -> bool) {
        self.set("http.response.status_code", i64::from(status.as_u16()));
        if is_error(&status) {
            self.failed(status.as_str().to_owned());
        }
    }

    fn failed(&self, kind: String) {
        self.set("error.type", kind);
        self.context.span().set_status(Status::error(""));
    }
}

impl Trace for Span {
    fn leaves(&self, method: &Method, uri: &Uri, fields: &mut HeaderMap) -> Box<dyn TracedCall> {
        // What the guest says is its own part of this trace, or another one.
        let own = parent(fields);
        let parent = if own.has_active_span() { &own } else { &self.context };
        let builder = self.tracer.span_builder(known_method(method)).with_kind(SpanKind::Client);
        let span = self.tracer.build_with_context(builder, parent);
        let call = Call(Span { tracer: self.tracer.clone(), context: Context::new().with_span(span) });
        name(&call.0.context, fields);
        if call.0.is_recorded() {
            call.0.set("http.request.method", method.as_str().to_owned());
            let (scheme, authority) = (uri.scheme_str().unwrap_or("http"), uri.authority());
            if let Some(authority) = authority {
                call.0.set("server.address", authority.host().to_owned());
                let usual = if scheme == "https" { 443 } else { 80 };
                call.0.set("server.port", i64::from(authority.port_u16().unwrap_or(usual)));
                // Without the query, which may hold what is secret.
                call.0.set("url.full", format!("{scheme}://{authority}{}", uri.path()));
            }
        }
        Box::new(call)
    }

    fn tag(&self, name: &str, value: &str) {
        if self.is_recorded() {
            self.context.span().set_attribute(KeyValue::new(name.to_owned(), value.to_owned()));
        }
    }
}

/// The span of a request that an app sends.
struct Call(Span);

impl TracedCall for Call {
    fn answered(&mut self, status: StatusCode) {
        self.0.answered(status, |status| status.is_client_error() || status.is_server_error());
    }

    fn failed(&mut self, kind: &str) {
        self.0.failed(kind.to_owned());
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.0.context.span().end();
    }
}

/// The span that fields name. An empty context: they name none.
fn parent(fields: &HeaderMap) -> Context {
    let named = TraceContext::from_fields(fields).and_then(|named| {
        let (trace, span) = (TraceId::from_hex(&named.trace_id).ok()?, SpanId::from_hex(&named.parent_id).ok()?);
        let flags = TraceFlags::new(named.flags) & TraceFlags::SAMPLED; // the others are nobody's yet (§3.2.2.5)
        let state = TraceState::from_str(&named.state).unwrap_or_default();
        Some(SpanContext::new(trace, span, flags, true, state))
    });
    named.map_or_else(Context::new, |named| Context::new().with_remote_span_context(named))
}

/// Has fields name a span, and no other.
fn name(context: &Context, fields: &mut HeaderMap) {
    TraceContextPropagator::new().inject_context(context, &mut HeaderInjector(fields));
    if fields.get(TRACE_STATE).is_some_and(|state| state.is_empty()) {
        fields.remove(TRACE_STATE);
    }
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    let authority: http::uri::Authority = authority.parse().ok()?;
    Some((authority.host().to_owned(), authority.port_u16()))
}

const TRACE_STATE: &str = "tracestate";

/// Spans that may wait to be sent; beyond it they are dropped, and the log says so. Each takes 1 to 2 KiB.
const MAX_WAITING: usize = 8192;

/// How long a span waits for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);

/// How long the last spans may take when the server leaves.
const END: Duration = Duration::from_secs(5);
