//! Requests to other servers, by `wasi:http`, which also links it. Redirects are not followed here: a guest that
//! follows one sends another request, which is checked like any other.

mod address;
mod client;
mod content;
mod in_flight;
mod request;
mod rule;
mod settings;

use std::future::{Future, ready};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use tokio::time::timeout;
use tracing::warn;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
};
use windhover_contract::{Trace, TracedCall};

use super::grant::{Grant, Granted};
use crate::exchange::fields::without_connection;
use crate::scheduling::blocking::Blocking;
use client::{Client, error_type, may_reach};
use content::Content;
use in_flight::InFlight;
use request::prepare;
use rule::Destination;

pub use client::OutboundError;
pub use rule::{OutboundRule, OutboundRuleError};
pub use settings::{Outbound, OutboundLimits};

/// The requests of a guest to other servers.
#[derive(Default)]
pub(crate) struct OutboundHttp(Option<Arc<Allowed>>);

impl OutboundHttp {
    pub(super) fn open(outbound: Outbound, blocking: &Arc<Blocking>) -> Result<Self, OutboundError> {
        Ok(Self(Some(Arc::new(Allowed::new(outbound, blocking)?))))
    }
}

impl Granted for OutboundHttp {
    const GRANT: Grant = Grant {
        name: "outbound HTTP",
        option: Some("grants.outbound"),
        interfaces: &["wasi:http/outgoing-handler", "wasi:http/client"],
    };

    fn describe(&self) -> Option<String> {
        self.0.as_ref().map(|allowed| format!("rules: {}", allowed.outbound.rules.len()))
    }
}

/// What an app may send, with its client.
struct Allowed {
    outbound: Outbound,
    client: Client,
    /// The second in which a refusal was last logged.
    last_refusal: AtomicU64,
}

impl Allowed {
    fn new(outbound: Outbound, blocking: &Arc<Blocking>) -> Result<Self, OutboundError> {
        let client = Client::new(&outbound, blocking)?;
        Ok(Self { outbound, client, last_refusal: AtomicU64::new(0) })
    }

    async fn send(
        &self,
        app: &str,
        mut request: Request<WasiBody>,
        options: RequestOptions,
        exchange: Traced,
        in_flight: Arc<InFlight>,
    ) -> Result<Response<WasiBody>, Error> {
        prepare(&mut request)?;
        let destination = Destination::of(request.uri()).ok_or(Error::HttpRequestUriInvalid)?;
        if !self.outbound.rules.iter().any(|rule| rule.allows(request.method(), &destination)) {
            let method = request.method();
            self.tell(app, &format!("{method} {destination} was refused: no rule of grants.outbound allows it"));
            return Err(Error::HttpRequestDenied);
        }
        if !may_reach(&self.outbound.rules, &destination.host) {
            self.tell(app, &format!("{destination} was refused: {PRIVATE}"));
            return Err(Error::DestinationIpProhibited);
        }
        let method = request.method().clone();
        let limits = &self.outbound.limits;
        let permit = in_flight.acquire(limits).await.ok_or(Error::ConnectionLimitReached)?;
        let within = |own: Option<Duration>, limit: Duration| own.map_or(limit, |own| own.min(limit));
        let between = within(options.between_bytes_timeout, limits.between_bytes_timeout);
        let first = within(options.first_byte_timeout, limits.first_byte_timeout);
        let connect = within(options.connect_timeout, limits.connect_timeout);
        let mut call = exchange.leaves(&mut request);
        let answered = timeout(first, self.client.send(request, connect)).await;
        let answered = match answered.unwrap_or(Err(Error::ConnectionReadTimeout)) {
            Ok(answer) if are_too_many(answer.headers(), limits) => Err(Error::HttpResponseHeaderSectionSize(None)),
            answered => answered,
        };
        match answered {
            Err(Error::DestinationIpProhibited) => {
                self.tell(app, &format!("{destination} was refused: {PRIVATE}"));
            }
            Err(Error::HttpResponseHeaderSectionSize(_)) => self.tell(
                app,
                &format!(
                    "{destination} failed: its response has more fields than limits.outbound.max-response-fields, {}, or a \
                     head larger than max-response-fields-size, {} bytes",
                    limits.max_response_fields, limits.max_response_fields_size
                ),
            ),
            _ => {}
        }
        if let Some(call) = &mut call {
            match &answered {
                Ok(answer) => call.answered(answer.status()),
                Err(error) => call.failed(error_type(error)),
            }
        }
        let mut answer = answered?;
        *answer.headers_mut() = without_connection(std::mem::take(answer.headers_mut()));
        if !has_content(&method, answer.status()) {
            // Such a response has no content, whatever its sender wrote (RFC 9110 §6.4.1).
            return Ok(answer.map(|_| Empty::new().map_err(|never| match never {}).boxed_unsync()));
        }
        Ok(answer.map(|content| Content::new(content, between, permit, call).boxed_unsync()))
    }

    /// Logs a refusal, at most one per second, because a guest may cause any number of them.
    fn tell(&self, app: &str, refusal: &str) {
        let second = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs());
        if self.last_refusal.swap(second, Ordering::Relaxed) != second {
            warn!(%app, "outbound request: {refusal}");
        }
    }
}

/// Whether an answer carries content. A 205 does, as far as its framing says: only its sender must not.
fn has_content(method: &Method, status: StatusCode) -> bool {
    status == StatusCode::RESET_CONTENT || windhover_contract::Response::has_content(method, status)
}

/// Whether fields of an answer are more than they may be, or larger: the client reads on for a while beyond that.
fn are_too_many(fields: &HeaderMap, limits: &OutboundLimits) -> bool {
    let size: usize = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len()).sum();
    fields.len() > limits.max_response_fields || size > limits.max_response_fields_size
}

/// The reason to refuse an address although a rule permits its host.
const PRIVATE: &str =
    "its address belongs to a private network; to allow it, name the host in a rule with private = true";

/// Sends the outbound requests of one instance.
#[derive(Default)]
pub(crate) struct Hooks {
    app: Option<Arc<str>>,
    /// `None`: none leaves.
    granted: Option<Arc<Allowed>>,
    /// Made when the first request leaves.
    in_flight: Option<Arc<InFlight>>,
    /// The trace that the current exchange is part of.
    exchange: Traced,
}

/// The trace of the current exchange.
#[derive(Clone, Default)]
struct Traced {
    /// `None`: nobody records it here.
    trace: Option<Arc<dyn Trace>>,
    /// What the request's fields say of it (W3C Trace Context).
    fields: Vec<(HeaderName, HeaderValue)>,
}

impl Traced {
    /// Adds the trace to a request.
    fn leaves(&self, request: &mut Request<WasiBody>) -> Option<Box<dyn TracedCall>> {
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let fields = request.headers_mut();
        // A server that does not record a trace passes it on unchanged (§3), unless the guest has one of its own.
        if self.trace.is_none() && !fields.contains_key(&TRACE[0]) {
            for (name, value) in &self.fields {
                fields.append(name, value.clone());
            }
        }
        self.trace.as_ref().map(|trace| trace.leaves(&method, &uri, fields))
    }
}

impl Hooks {
    pub(crate) fn new(app: &Arc<str>, granted: &OutboundHttp) -> Self {
        let app = granted.0.as_ref().map(|_| Arc::clone(app));
        Self { app, granted: granted.0.clone(), in_flight: None, exchange: Traced::default() }
    }

    /// From now on requests are sent for an exchange with these fields and this trace. `None`: for no exchange, or for
    /// several at once.
    pub(crate) fn begin(&mut self, exchange: Option<(&HeaderMap, Option<&Arc<dyn Trace>>)>) {
        if self.granted.is_none() {
            return;
        }
        self.exchange = exchange.map_or_else(Traced::default, |(fields, trace)| {
            let fields = TRACE.iter().flat_map(|name| fields.get_all(name).iter().map(move |value| (name, value)));
            let fields = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
            Traced { trace: trace.cloned(), fields }
        });
    }
}

impl Hooks {
    /// Sends a request, if it is permitted, and waits for the head of its response.
    pub(crate) fn send(
        &mut self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> impl Future<Output = Result<Response<WasiBody>, Error>> + Send + 'static {
        let exchange = self.exchange.clone();
        let granted = self.granted.clone().zip(self.app.clone()).map(|(granted, app)| {
            let max = granted.outbound.limits.max_in_flight;
            let in_flight = Arc::clone(self.in_flight.get_or_insert_with(|| Arc::new(InFlight::new(max))));
            (granted, app, in_flight)
        });
        async move {
            let (granted, app, in_flight) = granted.ok_or(Error::HttpRequestDenied)?;
            granted.send(&app, request, options, exchange, in_flight).await
        }
    }
}

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        // The default makes a new one for each set of fields.
        static FILTER: LazyLock<ForbiddenHeaderFilter> =
            LazyLock::new(|| Arc::new(|name| DEFAULT_FORBIDDEN_HEADERS.contains(name)));
        Arc::clone(&FILTER)
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        PIECE
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let response = self.send(request, options.unwrap_or_default());
        // The pool drives its connections.
        let nothing = || Box::new(ready(Ok(()))) as Box<dyn Future<Output = Result<(), Error>> + Send>;
        Box::new(async move { Ok((response.await?, nothing())) })
    }
}

type Sent = Result<(Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// The first is what the second belongs to.
static TRACE: [HeaderName; 2] = [HeaderName::from_static("traceparent"), HeaderName::from_static("tracestate")];

/// The maximum that leaves a guest before it is known whether there is room for it. As `request.read` takes.
const PIECE: usize = 64 << 10;
