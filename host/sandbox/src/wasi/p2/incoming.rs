//! `incoming-request` and `incoming-body` of wasi:http 0.2.

use http::HeaderMap;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynPollable, subscribe};
use wasmtime_wasi_http::FieldMap;

use super::bindings::types::{ErrorCode, HostFutureTrailers, HostIncomingBody, HostIncomingRequest, Method, Scheme};
use super::content::{FutureTrailers, IncomingBody};
use super::error::code;
use super::messages::{Fields, IncomingRequest};
use crate::exchange::fields::size_of_fields;
use crate::exchange::fields::without_connection;
use crate::store::state::State;

impl HostIncomingRequest for State {
    fn method(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Method> {
        Ok(Method::from(&self.table().get(&request)?.method))
    }

    fn path_with_query(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Option<String>> {
        let path = self.table().get(&request)?.target.uri().path_and_query();
        Ok(path.map(|path| path.as_str().to_owned()))
    }

    fn scheme(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Option<Scheme>> {
        Ok(Some(match self.table().get(&request)?.target.scheme() {
            windhover_contract::Scheme::Http => Scheme::Http,
            windhover_contract::Scheme::Https => Scheme::Https,
        }))
    }

    fn authority(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Option<String>> {
        Ok(Some(self.table().get(&request)?.authority.to_string()))
    }

    fn headers(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Resource<FieldMap>> {
        let (table, hooks) = self.table_and_hooks();
        let request = table.get_mut(&request)?;
        let fields = match std::mem::replace(&mut request.fields, Fields::Raw(HeaderMap::new())) {
            Fields::Raw(fields) => FieldMap::new_immutable(hooks, without_connection(fields)),
            Fields::Asked(fields) => fields,
        };
        request.fields = Fields::Asked(fields.clone());
        Ok(self.table_for(size_of_fields(&fields)).push(fields)?)
    }

    fn consume(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<Result<Resource<IncomingBody>, ()>> {
        let request = self.table().get_mut(&request)?;
        if std::mem::replace(&mut request.is_consumed, true) {
            return Ok(Err(()));
        }
        // A guest most often answers before it reads, and the client must be asked before it has the answer.
        if let Some(client) = request.expect_continue.take() {
            client.will_read();
        }
        let content = IncomingBody::new(request.content.take());
        Ok(Ok(self.table().push(content)?))
    }

    fn drop(&mut self, request: Resource<IncomingRequest>) -> wasmtime::Result<()> {
        self.table().delete(request)?;
        Ok(())
    }
}

impl HostIncomingBody for State {
    fn stream(&mut self, body: Resource<IncomingBody>) -> wasmtime::Result<Result<Resource<DynInputStream>, ()>> {
        let Some(stream) = self.table().get_mut(&body)?.stream() else { return Ok(Err(())) };
        Ok(Ok(self.table().push_child(stream, &body)?))
    }

    fn finish(&mut self, body: Resource<IncomingBody>) -> wasmtime::Result<Resource<FutureTrailers>> {
        let trailers = self.table().delete(body)?.finish();
        Ok(self.table().push(trailers)?)
    }

    fn drop(&mut self, body: Resource<IncomingBody>) -> wasmtime::Result<()> {
        self.table().delete(body)?;
        Ok(())
    }
}

type Trailers = Result<Option<Resource<FieldMap>>, ErrorCode>;

impl HostFutureTrailers for State {
    fn subscribe(&mut self, trailers: Resource<FutureTrailers>) -> wasmtime::Result<Resource<DynPollable>> {
        subscribe(self.table(), trailers)
    }

    fn get(&mut self, trailers: Resource<FutureTrailers>) -> wasmtime::Result<Option<Result<Trailers, ()>>> {
        let (table, hooks) = self.table_and_hooks();
        Ok(match table.get_mut(&trailers)?.take() {
            None => None,
            Some(None) => Some(Err(())),
            Some(Some(Ok(Some(fields)))) => {
                let fields = FieldMap::new_immutable(hooks, fields);
                Some(Ok(Ok(Some(self.table_for(size_of_fields(&fields)).push(fields)?))))
            }
            Some(Some(Ok(None))) => Some(Ok(Ok(None))),
            Some(Some(Err(error))) => Some(Ok(Err(code(&error)))),
        })
    }

    fn drop(&mut self, trailers: Resource<FutureTrailers>) -> wasmtime::Result<()> {
        self.table().delete(trailers)?;
        Ok(())
    }
}

impl From<&http::Method> for Method {
    fn from(method: &http::Method) -> Self {
        match method {
            &http::Method::GET => Self::Get,
            &http::Method::HEAD => Self::Head,
            &http::Method::POST => Self::Post,
            &http::Method::PUT => Self::Put,
            &http::Method::DELETE => Self::Delete,
            &http::Method::CONNECT => Self::Connect,
            &http::Method::OPTIONS => Self::Options,
            &http::Method::TRACE => Self::Trace,
            &http::Method::PATCH => Self::Patch,
            other => Self::Other(other.to_string()),
        }
    }
}
