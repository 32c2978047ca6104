//! Translates errors into the error codes of wasi:http 0.2.

use std::sync::Arc;

use wasmtime::component::Resource;
use wasmtime_wasi_http::Error;

use super::bindings::types::{DnsErrorPayload, ErrorCode, Host};
use crate::store::state::State;

/// The error code of wasi:http 0.2 for an error of our content or our client.
pub(super) fn code(error: &Error) -> ErrorCode {
    match error {
        Error::ConnectionLimitReached => ErrorCode::ConnectionLimitReached,
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionRefused => ErrorCode::ConnectionRefused,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::ConnectionTimeout => ErrorCode::ConnectionTimeout,
        Error::DestinationIpProhibited => ErrorCode::DestinationIpProhibited,
        Error::DestinationUnavailable => ErrorCode::DestinationUnavailable,
        Error::DnsError { rcode, info_code } => {
            ErrorCode::DnsError(DnsErrorPayload { rcode: rcode.clone(), info_code: *info_code })
        }
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        Error::HttpRequestBodySize(size) => ErrorCode::HttpRequestBodySize(*size),
        Error::HttpRequestDenied => ErrorCode::HttpRequestDenied,
        Error::HttpRequestMethodInvalid => ErrorCode::HttpRequestMethodInvalid,
        Error::HttpRequestUriInvalid => ErrorCode::HttpRequestUriInvalid,
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseHeaderSectionSize(size) => ErrorCode::HttpResponseHeaderSectionSize(*size),
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::TlsCertificateError => ErrorCode::TlsCertificateError,
        Error::TlsProtocolError => ErrorCode::TlsProtocolError,
        other => ErrorCode::InternalError(Some(other.to_string())),
    }
}

impl Host for State {
    fn http_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table().get(&error)?.downcast_ref::<Arc<Error>>().map(|error| code(error)))
    }
}
