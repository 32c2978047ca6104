//! Requests to other servers by wasi:http 0.2: `outgoing-request`, its options, and the response.

use std::time::Duration;

use http::uri::{Authority, Builder, Scheme as UriScheme};

use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::runtime::spawn;
use wasmtime_wasi_http::{Error, FieldMap, RequestOptions};

use super::bindings::outgoing_handler;
use super::bindings::types::{
    ErrorCode, HostFutureIncomingResponse, HostIncomingResponse, HostOutgoingRequest, HostRequestOptions, Method,
    Scheme,
};
use super::content::IncomingBody;
use super::error::code;
use super::messages::{FutureResponse, IncomingResponse, OutgoingRequest};
use crate::answer::pipe::{MAX_HELD, OutgoingBody, pipe};
use crate::exchange::fields::content_length;
use crate::exchange::fields::size_of_fields;
use crate::store::state::State;

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
            Err(error) => return Ok(Err(code(&error))),
        };
        let response = FutureResponse::Pending(spawn(hooks.send(request, options)), held);
        Ok(Ok(table.push(response)?))
    }
}

impl HostOutgoingRequest for State {
    fn new(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Resource<OutgoingRequest>> {
        let mut fields = self.table().delete(fields)?;
        fields.set_immutable();
        let request = OutgoingRequest {
            method: http::Method::GET,
            scheme: None,
            authority: None,
            path: None,
            fields,
            content: None,
        };
        Ok(self.table().push(request)?)
    }

    fn body(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        let request = self.table_for(MAX_HELD).get_mut(&request)?;
        if request.content.is_some() {
            return Ok(Err(()));
        }
        let (body, content) = pipe(content_length(&request.fields), Error::HttpRequestBodySize);
        request.content = Some(content);
        Ok(Ok(self.table().push(body)?))
    }

    fn method(&mut self, request: Resource<OutgoingRequest>) -> wasmtime::Result<Method> {
        Ok(Method::from(&self.table().get(&request)?.method))
    }

    fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        let Some(method) = own_method(method) else { return Ok(Err(())) };
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
        let scheme = self.table().get(&request)?.scheme.as_ref();
        Ok(scheme.map(|scheme| match scheme.as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => Scheme::Other(other.to_owned()),
        }))
    }

    fn set_scheme(
        &mut self,
        request: Resource<OutgoingRequest>,
        scheme: Option<Scheme>,
    ) -> wasmtime::Result<Result<(), ()>> {
        let request = self.table().get_mut(&request)?;
        let scheme = match scheme {
            None => None,
            Some(Scheme::Http) => Some(UriScheme::HTTP),
            Some(Scheme::Https) => Some(UriScheme::HTTPS),
            Some(Scheme::Other(name)) => match UriScheme::try_from(name.as_str()) {
                Ok(scheme) => Some(scheme),
                Err(_) => return Ok(Err(())),
            },
        };
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
            Err(error) => return Ok(Some(Ok(Err(code(&error))))),
        };
        let fields = FieldMap::new_immutable(hooks, head.headers);
        let response = IncomingResponse { status: head.status.as_u16(), fields, content: Some(content) };
        Ok(Some(Ok(Ok(self.table_for(size_of_fields(&response.fields)).push(response)?))))
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
