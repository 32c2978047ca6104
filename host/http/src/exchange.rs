//! One exchange: the only file that sees both hyper's types and the contract's. Ownership moves up once, and down once.

use std::convert::Infallible;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue};
use hyper::body::Incoming;
use tracing::debug;
use windhover_contract::{
    Application, Body, ClientFault, Connection, Fault, Features, Request, Response, Scheme, ServerAddresses, Target,
};

use crate::activity::{Activity, LastPart};
use crate::body::Received;

/// What every exchange of one connection starts from.
pub(crate) struct Exchange<A> {
    pub(crate) application: Arc<A>,
    pub(crate) scheme: Scheme,
    pub(crate) connection: Arc<Connection>,
    pub(crate) server_addresses: Arc<ServerAddresses>,
    pub(crate) max_request_body_size: Option<u64>,
    pub(crate) activity: Arc<Activity>,
}

impl<A: Application> Exchange<A> {
    /// Answers a request: refuses what no application should see, and else asks the application.
    pub(crate) async fn answer(
        self: Arc<Self>,
        request: http::Request<Incoming>,
    ) -> Result<http::Response<LastPart>, Infallible> {
        let busy = self.activity.begin();
        let response = match self.receive(request) {
            Ok(request) => self.application.handle(request).await,
            Err(fault) => {
                debug!(%fault, "a request was refused");
                refusal(fault)
            }
        };
        Ok(into_hyper(response, |content| LastPart { content, busy }))
    }

    fn receive(&self, request: http::Request<Incoming>) -> Result<Request, ClientFault> {
        let (head, content) = request.into_parts();
        let body = Received::body(content, self.max_request_body_size, &self.activity);
        if exceeds(content_length(&head.headers), self.max_request_body_size) {
            return Err(ClientFault::BodyTooLarge);
        }
        check_transfer_coding(&head.headers)?;
        let target = Target::resolve(self.scheme, &head.method, head.uri, head.version, &head.headers)?;
        Ok(Request {
            method: head.method,
            target,
            version: head.version,
            fields: head.headers,
            body,
            features: Features {
                connection: Some(Arc::clone(&self.connection)),
                server_addresses: Some(Arc::clone(&self.server_addresses)),
            },
        })
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

fn exceeds(length: Option<u64>, limit: Option<u64>) -> bool {
    matches!((length, limit), (Some(length), Some(limit)) if length > limit)
}

/// A request that broke the protocol may have left the connection in a state that only the client knows, so it closes
/// (RFC 9112 §9.6), as Kestrel does for every rejection.
fn refusal(fault: ClientFault) -> Response {
    let mut response = Response::from(Fault::from(fault));
    response.fields.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn into_hyper<B>(response: Response, content: impl FnOnce(Body) -> B) -> http::Response<B> {
    let mut message = http::Response::new(content(response.body));
    *message.status_mut() = response.status;
    *message.headers_mut() = response.fields;
    message
}
