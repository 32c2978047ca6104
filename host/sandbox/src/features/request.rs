//! `wit/request.wit`.

use std::sync::Arc;

use http::Version;
use windhover_contract::ClientFault;

use crate::exchange::fields::to_list;
use crate::exchange::{ContentError, Exchange};
use crate::features::bindings::request::{BodyError, Host, RequestHead};

impl Host for Exchange {
    fn head(&mut self) -> RequestHead {
        RequestHead {
            method: self.method(),
            scheme: self.scheme(),
            authority: self.authority(),
            path_base: self.path_base(),
            path: self.path(),
            query: self.query(),
            raw_target: self.raw_target(),
            protocol: self.protocol(),
            fields: self.fields(),
            can_have_body: self.can_have_body(),
        }
    }

    fn method(&mut self) -> String {
        self.method.as_str().to_owned()
    }

    fn scheme(&mut self) -> String {
        self.target.scheme().as_str().to_owned()
    }

    fn authority(&mut self) -> String {
        self.target.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default()
    }

    fn path_base(&mut self) -> String {
        self.target.path_base().to_owned()
    }

    fn path(&mut self) -> String {
        self.target.path().into_owned()
    }

    fn query(&mut self) -> Option<String> {
        self.target.query().map(str::to_owned)
    }

    fn raw_target(&mut self) -> String {
        self.target.uri().to_string()
    }

    fn protocol(&mut self) -> String {
        // RFC 9110 §2.5 writes HTTP/2 and HTTP/3 without a minor version, which they do not have.
        match self.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2",
            Version::HTTP_3 => "HTTP/3",
            _ => "HTTP/1.1",
        }
        .to_owned()
    }

    fn fields(&mut self) -> Vec<(String, Vec<u8>)> {
        to_list(&self.fields)
    }

    fn field(&mut self, name: String) -> Option<Vec<u8>> {
        Some(self.fields.get(name)?.as_bytes().to_vec())
    }

    fn can_have_body(&mut self) -> bool {
        self.content.may_have_more()
    }

    async fn read(&mut self, max: u32) -> wasmtime::Result<Result<Vec<u8>, BodyError>> {
        let answer = Arc::clone(&self.answer);
        let read = self.disconnect.wait(&answer, self.content.read(piece(max))).await?;
        Ok(read.map_err(|_| BodyError::Aborted).and_then(|read| Ok(read?.into())))
    }

    async fn read_all(&mut self, max: u32) -> wasmtime::Result<Result<Vec<u8>, BodyError>> {
        let answer = Arc::clone(&self.answer);
        let read = self.disconnect.wait(&answer, self.content.read_all(max as usize, &answer)).await?;
        Ok(match read {
            Ok(read) => read?.map_err(BodyError::from),
            Err(_) => Err(BodyError::Aborted),
        })
    }

    fn trailers(&mut self) -> Option<Vec<(String, Vec<u8>)>> {
        self.content.trailers().map(to_list)
    }
}

/// The maximum that a guest reads that passes `max`.
pub(super) fn piece(max: u32) -> usize {
    if max == 0 { DEFAULT_PIECE } else { max as usize }
}

impl From<ContentError> for BodyError {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::Client(ClientFault::BodyTooLarge) | ContentError::LargerThanAsked => Self::TooLarge,
            ContentError::Client(ClientFault::BodyTooSlow) => Self::TooSlow,
            ContentError::Client(_) => Self::Incomplete,
            ContentError::Taken => Self::Taken,
        }
    }
}

/// The maximum of `read` if the guest does not set one.
const DEFAULT_PIECE: usize = 64 << 10;
