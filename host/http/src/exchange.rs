//! One exchange: the only file that sees both hyper's types and the contract's. Ownership moves up once, and down once.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use hyper::body::Incoming;
use tracing::debug;
use windhover_contract::{
    Application, Body, ClientFault, Connection, ExchangeLimits, Fault, Features, HostFault, Identifier, Informational,
    Lifetime, Limits, Request, Response, Scheme, ServerAddresses, ServerVariables, Target,
};

use crate::activity::{Activity, Breaker, Busy};
use crate::body::Received;
use crate::last_part::LastPart;
use crate::upgrade::{self, Asked, HandedOver};

/// What every exchange of one connection starts from.
pub(crate) struct Exchange<A> {
    pub(crate) application: Arc<A>,
    pub(crate) scheme: Scheme,
    pub(crate) connection: Arc<Connection>,
    pub(crate) server_addresses: Arc<ServerAddresses>,
    pub(crate) server_variables: Arc<ServerVariables>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) activity: Arc<Activity>,
}

impl<A: Application> Exchange<A> {
    /// Answers a request: refuses what no application should see, and else asks the application.
    pub(crate) async fn answer(
        self: Arc<Self>,
        mut request: http::Request<Incoming>,
    ) -> Result<http::Response<LastPart>, Infallible> {
        let limits = Arc::new(ExchangeLimits::new(&self.limits));
        let (busy, number) = self.activity.begin(&limits);
        let length = content_length(request.headers());
        let (asked, upgrade) = upgrade::asked(&mut request).unzip();
        let response = match self.receive(request, number, &limits) {
            Ok(mut request) => {
                request.features.upgrade = upgrade.flatten();
                self.application.handle(request).await
            }
            Err(fault) => {
                debug!(%fault, "a request was refused");
                self.activity.fail_content();
                Response::from(Fault::from(fault))
            }
        };
        Ok(self.respond(response, busy, asked, is_too_much(length, &limits)))
    }

    fn receive(
        &self,
        request: http::Request<Incoming>,
        number: u64,
        limits: &Arc<ExchangeLimits>,
    ) -> Result<Request, ClientFault> {
        let (head, content) = request.into_parts();
        let body = Received::body(content, limits, &self.activity);
        check_transfer_coding(&head.headers)?;
        let target = Target::resolve(self.scheme, &head.method, head.uri, head.version, &head.headers)?;
        let has_interim_responses = head.version != Version::HTTP_10; // RFC 9110 §15.2
        let activity = || Arc::clone(&self.activity);
        Ok(Request {
            method: head.method,
            target,
            version: head.version,
            fields: head.headers,
            body,
            features: Features {
                connection: Some(Arc::clone(&self.connection)),
                server_addresses: Some(Arc::clone(&self.server_addresses)),
                tls: None,
                identifier: Some(Identifier { connection: Arc::clone(&self.connection), number }),
                lifetime: Some(Arc::new(Breaker { activity: activity(), number }) as Arc<dyn Lifetime>),
                reset: None, // HTTP/1.x has no error codes
                informational: has_interim_responses.then(|| activity() as Arc<dyn Informational>),
                limits: Some(Arc::clone(limits)),
                upgrade: None,
                user: None,
                server_variables: Some(Arc::clone(&self.server_variables)),
            },
        })
    }

    fn respond(
        &self,
        mut response: Response,
        busy: Busy,
        asked: Option<Asked>,
        is_too_much: bool,
    ) -> http::Response<LastPart> {
        self.activity.interim.forget();
        let switches = response.status == StatusCode::SWITCHING_PROTOCOLS;
        if switches && asked.is_some() && !self.activity.place.upgrade() {
            debug!("there are as many upgraded connections as there may be");
            response = Response::from(Fault::from(HostFault::Busy));
        }
        // A request that broke the protocol may have left the connection in a state that only the client knows, so it
        // closes (RFC 9112 §9.6), as Kestrel does for every rejection.
        if is_too_much || self.activity.has_failed_content() {
            response.fields.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        let content = LastPart { content: response.body, busy };
        let content = match asked {
            Some(asked) if response.status == StatusCode::SWITCHING_PROTOCOLS => {
                response.fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                let busy = self.activity.stay_busy();
                self.activity.hand_over(HandedOver::Accepted(asked, content));
                LastPart { content: Body::empty(), busy }
            }
            Some(asked) => {
                self.activity.hand_over(HandedOver::Declined(asked));
                content
            }
            None => content,
        };
        let mut message = http::Response::new(content);
        *message.status_mut() = response.status;
        *message.headers_mut() = response.fields;
        message
    }
}

/// RFC 9110 §8.6. hyper has refused lengths that are malformed or contradict each other.
fn content_length(fields: &HeaderMap) -> Option<u64> {
    fields.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// hyper sees to it that the last coding is chunked; one before it would be the guest's to undo, who does not know.
fn check_transfer_coding(fields: &HeaderMap) -> Result<(), ClientFault> {
    let mut codings = fields.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(ClientFault::TransferCoding),
    }
}

/// Whether more content was promised than the exchange was ready to take in the end.
fn is_too_much(length: Option<u64>, limits: &ExchangeLimits) -> bool {
    matches!((length, limits.body().max_size), (Some(length), Some(max)) if length > max)
}
