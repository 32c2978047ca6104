//! `response-outparam`, `outgoing-response` and `outgoing-body` of wasi:http 0.2.

use http::StatusCode;
use tracing::warn;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi_http::{Error, FieldMap};
use windhover_contract::{ClientFault, Fault, GuestFault};

use super::bindings::types::{ErrorCode, HostOutgoingBody, HostOutgoingResponse, HostResponseOutparam};
use super::error::code;
use super::messages::{OutgoingResponse, ResponseOutparam};
use crate::answer::pipe::{MAX_HELD, Outgoing, OutgoingBody, pipe};
use crate::answer::{Content, Head};
use crate::exchange::fields::content_length;
use crate::exchange::fields::size_of_fields;
use crate::store::state::State;

impl ResponseOutparam {
    fn set(self, response: Result<OutgoingResponse, ErrorCode>) {
        let Self { app, id, answer } = self;
        let head = match response {
            Ok(response) if response.status.is_informational() => {
                warn!(%app, %id, status = %response.status, "the guest answered with an interim status");
                Err(GuestFault::Reported.into())
            }
            Ok(OutgoingResponse { status, fields, content, .. }) => {
                let content = content.unwrap_or_else(nothing);
                content.depart();
                let content = Content::Written(content);
                Ok(Head { status, fields: fields.into(), content })
            }
            Err(code) => {
                warn!(%app, %id, ?code, "the guest answered with an error code");
                Err(fault(&code))
            }
        };
        if !answer.begin(head) {
            warn!(%app, %id, "the guest set its response-outparam after it had answered by windhover:http");
        }
    }
}

/// The empty content of a response whose guest has not asked for its body.
fn nothing() -> Outgoing {
    let (body, content) = pipe(None, Error::HttpResponseBodySize);
    body.finish(None).expect("nothing is expected of it");
    content
}

/// Maps a guest's error code to a fault: of the client, if the code says so.
fn fault(code: &ErrorCode) -> Fault {
    match code {
        ErrorCode::HttpRequestBodySize(_) => ClientFault::BodyTooLarge.into(),
        _ => GuestFault::Reported.into(),
    }
}

impl HostResponseOutparam for State {
    fn set(
        &mut self,
        outparam: Resource<ResponseOutparam>,
        response: Result<Resource<OutgoingResponse>, ErrorCode>,
    ) -> wasmtime::Result<()> {
        let response = match response {
            Ok(response) => Ok(self.table().delete(response)?),
            Err(code) => Err(code),
        };
        self.table().delete(outparam)?.set(response);
        Ok(())
    }

    fn send_informational(
        &mut self,
        _: Resource<ResponseOutparam>,
        _: u16,
        _: Resource<FieldMap>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        unreachable!("it is unstable in wasi:http, and so not linked; windhover:http/informational is")
    }

    fn drop(&mut self, outparam: Resource<ResponseOutparam>) -> wasmtime::Result<()> {
        self.table().delete(outparam)?;
        Ok(())
    }
}

impl HostOutgoingResponse for State {
    fn new(&mut self, fields: Resource<FieldMap>) -> wasmtime::Result<Resource<OutgoingResponse>> {
        let mut fields = self.table().delete(fields)?;
        fields.set_immutable();
        let method = self.current().map(|exchange| exchange.method.clone());
        Ok(self.table().push(OutgoingResponse { status: StatusCode::OK, fields, method, content: None })?)
    }

    fn status_code(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<u16> {
        Ok(self.table().get(&response)?.status.as_u16())
    }

    fn set_status_code(
        &mut self,
        response: Resource<OutgoingResponse>,
        status: u16,
    ) -> wasmtime::Result<Result<(), ()>> {
        let response = self.table().get_mut(&response)?;
        let Ok(status) = StatusCode::from_u16(status) else { return Ok(Err(())) };
        response.status = status;
        response.judge_content();
        Ok(Ok(()))
    }

    fn headers(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<Resource<FieldMap>> {
        let fields = self.table().get(&response)?.fields.clone();
        Ok(self.table_for(size_of_fields(&fields)).push(fields)?)
    }

    fn body(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<Result<Resource<OutgoingBody>, ()>> {
        let response = self.table_for(MAX_HELD).get_mut(&response)?;
        if response.content.is_some() {
            return Ok(Err(()));
        }
        let (body, content) = pipe(content_length(&response.fields), Error::HttpResponseBodySize);
        response.content = Some(content);
        response.judge_content();
        Ok(Ok(self.table().push(body)?))
    }

    fn drop(&mut self, response: Resource<OutgoingResponse>) -> wasmtime::Result<()> {
        self.table().delete(response)?;
        Ok(())
    }
}

impl HostOutgoingBody for State {
    fn write(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<Result<Resource<DynOutputStream>, ()>> {
        let Some(stream) = self.table().get_mut(&body)?.stream() else { return Ok(Err(())) };
        Ok(Ok(self.table().push_child(stream, &body)?))
    }

    fn finish(
        &mut self,
        body: Resource<OutgoingBody>,
        trailers: Option<Resource<FieldMap>>,
    ) -> wasmtime::Result<Result<(), ErrorCode>> {
        let body = self.table().delete(body)?;
        let trailers = trailers.map(|trailers| self.table().delete(trailers)).transpose()?;
        Ok(body.finish(trailers.map(Into::into)).map_err(|error| code(&error)))
    }

    fn drop(&mut self, body: Resource<OutgoingBody>) -> wasmtime::Result<()> {
        self.table().delete(body)?;
        Ok(())
    }
}
