//! Requests and responses that a guest has a handle of, and the memory that they hold.

use std::any::Any;
use std::sync::Arc;

use http::uri::{Authority, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;
use wasmtime_wasi_http::{Error, FieldMap, WasiBody};
use windhover_contract::ExpectContinue;

use crate::answer::Answer;
use crate::answer::pipe::{MAX_HELD, Outgoing, OutgoingBody};
use crate::exchange::fields::{content_length, size_of_fields};
use crate::exchange::log_id::LogId;

/// `incoming-request`.
pub struct IncomingRequest {
    pub(super) method: Method,
    pub(super) target: windhover_contract::Target,
    pub(super) authority: Authority,
    pub(super) fields: Fields,
    /// `None`: there is none.
    pub(super) content: Option<WasiBody>,
    /// `None`: the client does not wait to be asked for it.
    pub(super) expect_continue: Option<Arc<dyn ExpectContinue>>,
    pub(super) is_consumed: bool,
}

/// The fields of a request: as they came, until the guest asks for them.
pub(super) enum Fields {
    Raw(HeaderMap),
    Asked(FieldMap),
}

/// `response-outparam`.
pub struct ResponseOutparam {
    /// For the log.
    pub(super) app: Arc<str>,
    pub(super) id: LogId,
    pub(super) answer: Arc<Answer>,
}

/// `outgoing-response`.
pub struct OutgoingResponse {
    pub(super) status: StatusCode,
    pub(super) fields: FieldMap,
    /// Of the request. `None`: the instance is in no exchange.
    pub(super) method: Option<Method>,
    /// `None`: the guest has not asked for it.
    pub(super) content: Option<Outgoing>,
}

/// `outgoing-request`.
pub struct OutgoingRequest {
    pub(super) method: Method,
    pub(super) scheme: Option<Scheme>,
    pub(super) authority: Option<String>,
    pub(super) path: Option<String>,
    pub(super) fields: FieldMap,
    /// `None`: the guest has not asked for it.
    pub(super) content: Option<Outgoing>,
}

/// `future-incoming-response`.
pub enum FutureResponse {
    /// `usize`: the maximum that the request holds until it is sent.
    Pending(AbortOnDropJoinHandle<Answered>, usize),
    Ready(Answered),
    Taken,
}

pub(super) type Answered = Result<Response<WasiBody>, Error>;

/// `incoming-response`.
pub struct IncomingResponse {
    pub(super) status: u16,
    pub(super) fields: FieldMap,
    /// `None`: it was taken.
    pub(super) content: Option<WasiBody>,
}

/// What a resource of wasi:http holds beyond itself, in bytes.
pub(crate) fn content(resource: &(dyn Any + Send)) -> usize {
    if let Some(response) = resource.downcast_ref::<OutgoingResponse>() {
        return response.held();
    }
    if let Some(request) = resource.downcast_ref::<OutgoingRequest>() {
        return request.held();
    }
    if let Some(response) = resource.downcast_ref::<FutureResponse>() {
        return response.held();
    }
    if let Some(response) = resource.downcast_ref::<IncomingResponse>() {
        return size_of_fields(&response.fields);
    }
    resource.downcast_ref::<IncomingRequest>().map_or(0, IncomingRequest::held)
}

/// Whether this is an outgoing body that the guest has neither finished nor dropped.
pub(crate) fn is_unfinished(resource: &(dyn Any + Send)) -> bool {
    resource.is::<OutgoingBody>()
}

/// Whether this is a response that has content and was not given to the outparam yet.
pub(crate) fn is_written_early(resource: &(dyn Any + Send)) -> bool {
    let response = resource.downcast_ref::<OutgoingResponse>();
    response.is_some_and(|response| response.content.as_ref().is_some_and(Outgoing::has_content))
}

impl IncomingRequest {
    fn held(&self) -> usize {
        match &self.fields {
            Fields::Raw(fields) => size_of_fields(fields),
            Fields::Asked(fields) => size_of_fields(fields),
        }
    }
}

impl OutgoingResponse {
    /// Records whether the message has content. Repeated whenever the status changes, because a guest may finish the
    /// content before it passes the response on.
    pub(super) fn judge_content(&self) {
        if let Some(content) = &self.content {
            let method = self.method.as_ref().unwrap_or(&Method::GET);
            content.forbid(!windhover_contract::Response::has_content(method, self.status));
        }
    }

    /// The maximum that it holds beyond itself, in bytes.
    fn held(&self) -> usize {
        size_of_fields(&self.fields) + self.content.as_ref().map_or(0, |_| MAX_HELD)
    }
}

impl OutgoingRequest {
    /// The maximum that it holds beyond itself, in bytes.
    pub(super) fn held(&self) -> usize {
        size_of_fields(&self.fields) + self.content.as_ref().map_or(0, |_| MAX_HELD)
    }

    /// The request as it is sent.
    pub(super) fn build(self) -> Result<Request<WasiBody>, Error> {
        let Self { method, scheme, authority, path, fields, content } = self;
        if content.is_none() && content_length(&fields).is_some_and(|length| length > 0) {
            return Err(Error::HttpRequestBodySize(Some(0)));
        }
        let scheme = match scheme {
            None => Scheme::HTTPS,
            Some(scheme) if scheme == Scheme::HTTP || scheme == Scheme::HTTPS => scheme,
            Some(_) => return Err(Error::HttpProtocolError),
        };
        let uri = Uri::builder().scheme(scheme).authority(authority.unwrap_or_default());
        let uri = uri.path_and_query(path.as_deref().unwrap_or("/")).build();
        let content = match content {
            Some(content) => {
                content.depart();
                content.boxed_unsync()
            }
            None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let mut request = Request::new(content);
        *request.method_mut() = method;
        *request.uri_mut() = uri.map_err(|_| Error::HttpRequestUriInvalid)?;
        *request.headers_mut() = HeaderMap::from(fields);
        Ok(request)
    }
}

impl FutureResponse {
    /// The maximum that it holds beyond itself, in bytes.
    fn held(&self) -> usize {
        match self {
            Self::Pending(_, held) => *held,
            Self::Ready(Ok(response)) => size_of_fields(response.headers()),
            Self::Ready(Err(_)) | Self::Taken => 0,
        }
    }
}
