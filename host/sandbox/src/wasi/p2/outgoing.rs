//! Requests to other servers by wasi:http 0.2: `outgoing-request`, its options, and what comes back.

use std::time::Duration;

use http::uri::{Authority, Builder, Scheme as UriScheme};
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Empty};
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::runtime::{AbortOnDropJoinHandle, spawn};
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions, WasiBody};

use super::bindings::outgoing_handler;
use super::bindings::types::{
    ErrorCode, HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostRequestOptions, Method,
    Scheme,
};
use super::content::IncomingBody;
use super::error::code;
use super::pipe::{MAX_HELD, Outgoing, OutgoingBody, pipe};
use crate::exchange::fields::content_length;
use crate::store::resources::size_of_fields;
use crate::store::state::State;

/// `outgoing-request`.
pub struct OutgoingRequest {
    method: Method,
    scheme: Option<Scheme>,
    authority: Option<String>,
    path: Option<String>,
    fields: FieldMap,
    /// `None`: the guest has not asked for it.
    content: Option<Outgoing>,
}

/// `future-incoming-response`.
pub enum FutureResponse {
    /// With what the request holds at most, until it has left.
    Pending(AbortOnDropJoinHandle<Answered>, usize),
    Ready(Answered),
    Taken,
}

/// `incoming-response`.
pub struct IncomingResponse {
    status: u16,
    fields: FieldMap,
    /// `None`: it was taken.
    content: Option<WasiBody>,
}

impl FutureResponse {
    /// What it may hold beyond itself.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Pending(_, held) => *held,
            Self::Ready(Ok(response)) => size_of_fields(response.headers()),
            Self::Ready(Err(_)) | Self::Taken => 0,
        }
    }
}

impl IncomingResponse {
    /// What it holds beyond itself.
    pub(super) fn held(&self) -> usize {
        size_of_fields(&self.fields)
    }
}

type Answered = Result<Response<WasiBody>, Error>;

impl OutgoingRequest {
    /// What it may hold beyond itself.
    pub(super) fn held(&self) -> usize {
        size_of_fields(&self.fields) + self.content.as_ref().map_or(0, |_| MAX_HELD)
    }

    /// The request as it is sent.
    fn build(self) -> Result<Request<WasiBody>, ErrorCode> {
        let Self { method, scheme, authority, path, fields, content } = self;
        if content.is_none() && content_length(&fields).is_some_and(|length| length > 0) {
            return Err(ErrorCode::HttpRequestBodySize(Some(0)));
        }
        let authority = authority.unwrap_or_default();
        let uri = Uri::builder().scheme(uri_scheme(scheme)?).authority(authority);
        let uri =
            uri.path_and_query(path.as_deref().unwrap_or("/")).build().map_err(|_| ErrorCode::HttpRequestUriInvalid)?;
        let content = match content {
            Some(content) => {
                content.depart();
                content.boxed_unsync()
            }
            None => Empty::new().map_err(|never| match never {}).boxed_unsync(),
        };
        let mut request = Request::new(content);
        *request.method_mut() = own_method(method).ok_or(ErrorCode::HttpRequestMethodInvalid)?;
        *request.uri_mut() = uri;
        *request.headers_mut() = HeaderMap::from(fields);
        Ok(request)
    }
}

fn own_method(method: Method) -> Option<http::Method> {
    Some(match method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Post => http::Method::POST,
        Method::Put => http::Method::PUT,
        Method::Delete => http::Method::DELETE,
        Method::Connect => http::Method::CONNECT,
        Method::Options => http::Method::OPTIONS,
        Method::Trace => http::Method::TRACE,
        Method::Patch => http::Method::PATCH,
        Method::Other(name) => http::Method::from_bytes(name.as_bytes()).ok()?,
    })
}

/// Without one, https.
fn uri_scheme(scheme: Option<Scheme>) -> Result<UriScheme, ErrorCode> {
    match scheme {
        None | Some(Scheme::Https) => Ok(UriScheme::HTTPS),
        Some(Scheme::Http) => Ok(UriScheme::HTTP),
        Some(Scheme::Other(name)) => match UriScheme::try_from(name.as_str()) {
            Ok(scheme) if scheme == UriScheme::HTTP || scheme == UriScheme::HTTPS => Ok(scheme),
            _ => Err(ErrorCode::HttpProtocolError),
        },
    }
}

impl outgoing_handler::Host for State {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<Result<Resource<FutureResponse>, ErrorCode>> {
        let (table, hooks) = self.table_and_hooks();
        let options = options.map(|options| table.delete(options)).transpose()?.unwrap_or_default();
        let request = table.delete(request)?;
        let held = request.held();
        let request = match request.build() {
            Ok(request) => request,
            Err(code) => return Ok(Err(code)),
        };
        let response = FutureResponse::Pending(spawn(hooks.send(request, options)), held);
        Ok(Ok(table.push(response)?))
    }
}

impl HostOutgoingRequest for State {
    fn new(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Resource<OutgoingRequest>> {
        let mut fields = self.table().delete(fields)?;
        fields.set_immutable();
        let request =
            OutgoingRequest { method: Method::Get, scheme: None, authority: None, path: None, fields, content: None };
        Ok(self.table().push(request)?)
    }

    fn body(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        let request = self.table_for(MAX_HELD).get_mut(&request)?;
        if request.content.is_some() {
            return Ok(Err(()));
        }
        let (body, content) = pipe(content_length(&request.fields), ErrorCode::HttpRequestBodySize);
        request.content = Some(content);
        Ok(Ok(self.table().push(body)?))
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Method> {
        Ok(self.table().get(&request)?.method.clone())
    }

    fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        if own_method(method.clone()).is_none() {
            return Ok(Err(()));
        }
        request.method = method;
        Ok(Ok(()))
    }

    fn path_with_query(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Option<String>> {
        Ok(self.table().get(&request)?.path.clone())
    }

    fn set_path_with_query(
        &mut self,
        request: Resource<OutgoingRequest>,
        path: Option<String>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        if path.as_deref().is_some_and(|path| !is_path_with_query(path)) {
            return Ok(Err(()));
        }
        request.path = path;
        Ok(Ok(()))
    }

    fn scheme(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Option<Scheme>> {
        Ok(self.table().get(&request)?.scheme.clone())
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        if let Some(Scheme::Other(name)) = &scheme
            && UriScheme::try_from(name.as_str()).is_err()
        {
            return Ok(Err(()));
        }
        request.scheme = scheme;
        Ok(Ok(()))
    }

    fn authority(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Option<String>> {
        Ok(self.table().get(&request)?.authority.clone())
    }

    fn set_authority(
        &mut self,
        request: Resource<OutgoingRequest>,
        authority: Option<String>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        if authority.as_deref().is_some_and(|authority| Authority::try_from(authority).is_err()) {
            return Ok(Err(()));
        }
        request.authority = authority;
        Ok(Ok(()))
    }

    fn headers(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Resource<FieldMap>> {
        let fields = self.table().get(&request)?.fields.clone();
        Ok(self.table_for(size_of_fields(&fields)).push(fields)?)
    }

    fn drop(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<()> {
        self.table().delete(request)?;
        Ok(())
    }
}

/// RFC 3986 §3.3: behind an authority a path is empty or begins with a slash. What else looks like one would leave in
/// the request line as it is, and name another host there. `*` is for OPTIONS, which is seen when it is sent; a fragment is
/// for nobody.
fn is_path_with_query(path: &str) -> bool {
    let has_form = path.is_empty() || path.starts_with(['/', '?']) || path == "*";
    has_form && !path.contains('#') && Builder::new().path_and_query(path).build().is_ok()
}

type Taken = Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>;

impl HostFutureIncomingResponse for State {
    fn subscribe(&mut self, response: Resource<FutureResponse>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table(), response)
    }

    fn get(&mut self, response: Resource<FutureResponse>) -> wasmtime::Result<Option<Taken>> {
        let (table, hooks) = self.table_and_hooks();
        let future = table.get_mut(&response)?;
        let answered = match std::mem::replace(future, FutureResponse::Taken) {
            FutureResponse::Ready(answered) => answered,
            FutureResponse::Taken => return Ok(Some(Err(()))),
            pending @ FutureResponse::Pending(..) => {
                *future = pending;
                return Ok(None);
            }
        };
        let (head, content) = match answered {
            Ok(response) => response.into_parts(),
            Err(error) => return Ok(Some(Ok(Err(code(error))))),
        };
        let fields = FieldMap::new_immutable(hooks, head.headers);
        let response = IncomingResponse { status: head.status.as_u16(), fields, content: Some(content) };
        Ok(Some(Ok(Ok(self.table_for(response.held()).push(response)?))))
    }

    fn drop(&mut self, response: Resource<FutureResponse>) -> wasmtime::Result<()> {
        self.table().delete(response)?;
        Ok(())
    }
}

#[async_trait::async_trait]
impl Pollable for FutureResponse {
    async fn ready(&mut self) {
        if let Self::Pending(handle, _) = self {
            *self = Self::Ready(handle.await);
        }
    }
}

impl HostIncomingResponse for State {
    fn status(&mut self, response: Resource<IncomingResponse>) -> wasmtime::Result<u16> {
        Ok(self.table().get(&response)?.status)
    }

    fn headers(&mut self, response: Resource<IncomingResponse>) -> wasmtime::Result<Resource<FieldMap>> {
        let fields = self.table().get(&response)?.fields.clone();
        Ok(self.table_for(size_of_fields(&fields)).push(fields)?)
    }

    fn consume(
        &mut self,
        response: Resource<IncomingResponse>,
    ) -> wasmtime::Result<Result<Resource<IncomingBody>, ()>> {
        let Some(content) = self.table().get_mut(&response)?.content.take() else { return Ok(Err(())) };
        Ok(Ok(self.table().push(IncomingBody::new(Some(content)))?))
    }

    fn drop(&mut self, response: Resource<IncomingResponse>) -> wasmtime::Result<()> {
        self.table().delete(response)?;
        Ok(())
    }
}

impl HostRequestOptions for State {
    fn new(&mut self) -> wasmtime::Result<Resource<RequestOptions>> {
        Ok(self.table().push(RequestOptions::default())?)
    }

    fn connect_timeout(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<Option<u64>> {
        Ok(self.table().get(&options)?.connect_timeout.map(nanoseconds))
    }

    fn set_connect_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<u64>,
    ) -> wasmtime::Result<Result<(), ()>> {
        self.table().get_mut(&options)?.connect_timeout = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn first_byte_timeout(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<Option<u64>> {
        Ok(self.table().get(&options)?.first_byte_timeout.map(nanoseconds))
    }

    fn set_first_byte_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<u64>,
    ) -> wasmtime::Result<Result<(), ()>> {
        self.table().get_mut(&options)?.first_byte_timeout = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn between_bytes_timeout(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<Option<u64>> {
        Ok(self.table().get(&options)?.between_bytes_timeout.map(nanoseconds))
    }

    fn set_between_bytes_timeout(
        &mut self,
        options: Resource<RequestOptions>,
        time: Option<u64>,
    ) -> wasmtime::Result<Result<(), ()>> {
        self.table().get_mut(&options)?.between_bytes_timeout = time.map(Duration::from_nanos);
        Ok(Ok(()))
    }

    fn drop(&mut self, options: Resource<RequestOptions>) -> wasmtime::Result<()> {
        self.table().delete(options)?;
        Ok(())
    }
}

/// They came as a number of nanoseconds.
fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
