//! `wit/response.wit`: what a guest may answer, checked before anything of it leaves.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, TRAILER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};

use crate::answer::{Content, Head};
use crate::bindings::response::{Error, Host};
use crate::exchange::{Exchange, Progress};
use crate::fields::{self, FieldError};

impl Host for Exchange {
    fn send(
        &mut self,
        status: u16,
        fields: Vec<(String, Vec<u8>)>,
        content: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.presence.check()?;
        Ok(self.send_whole(status, fields, content))
    }

    fn start(&mut self, status: u16, fields: Vec<(String, Vec<u8>)>) -> wasmtime::Result<Result<(), Error>> {
        self.presence.check()?;
        Ok(self.check(status, fields).map(|head| {
            let trailers = head.announced_trailers();
            self.progress = Progress::Started { remaining: head.length, allows_content: head.allows_content, trailers };
            self.begin(head, Content::Pieces);
        }))
    }

    async fn write(&mut self, content: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        let Progress::Started { remaining, allows_content, .. } = &mut self.progress else {
            return Ok(Err(Error::NotStarted));
        };
        if content.is_empty() {
            return Ok(Ok(()));
        }
        if !*allows_content {
            return Ok(Err(Error::ContentNotAllowed));
        }
        if let Some(remaining) = remaining {
            let Some(left) = remaining.checked_sub(content.len() as u64) else {
                return Ok(Err(Error::ContentLengthMismatch));
            };
            *remaining = left;
        }
        let answer = Arc::clone(&self.answer);
        let mut piece = Some(Bytes::from(content));
        let written = self.presence.wait(&answer, poll_fn(|cx| answer.poll_offer(&mut piece, cx))).await?;
        Ok(written.map_err(|_| Error::Aborted))
    }

    async fn flush(&mut self) -> wasmtime::Result<Result<(), Error>> {
        let Progress::Started { .. } = self.progress else {
            return Ok(Err(Error::NotStarted));
        };
        let answer = Arc::clone(&self.answer);
        let flushed = self.presence.wait(&answer, poll_fn(|cx| answer.poll_flushed(cx))).await?;
        Ok(flushed.map_err(|_| Error::Aborted))
    }

    fn has_started(&mut self) -> bool {
        Exchange::has_started(self)
    }

    fn set_trailers(&mut self, list: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let Progress::Started { remaining, allows_content, trailers } = &self.progress else {
            return Err(Error::NotStarted);
        };
        if !allows_content || remaining.is_some() || self.version == Version::HTTP_10 {
            return Err(Error::TrailersNotPossible);
        }
        let fields = fields::check(list)?;
        for name in fields.keys() {
            if is_needed_before_content(name) {
                return Err(Error::ForbiddenField(name.to_string()));
            }
            if !trailers.iter().any(|announced| announced == name.as_str()) {
                return Err(Error::UndeclaredTrailer(name.to_string()));
            }
        }
        self.answer.set_trailers(fields);
        Ok(())
    }
}

/// A head that may be sent.
pub(super) struct Checked {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) length: Option<u64>,
    pub(super) allows_content: bool,
}

impl Exchange {
    /// Whether an answer was begun, by this interface, another one, or `wasi:http`.
    pub(super) fn has_started(&self) -> bool {
        self.answer.has_begun()
    }

    fn send_whole(&mut self, status: u16, fields: Vec<(String, Vec<u8>)>, content: Vec<u8>) -> Result<(), Error> {
        let head = self.check(status, fields)?;
        if !content.is_empty() && !head.allows_content {
            return Err(Error::ContentNotAllowed);
        }
        // RFC 9110 §9.3.2: the answer to HEAD may give the length of what GET would get.
        let may_be_absent = !head.allows_content || (self.method == Method::HEAD && content.is_empty());
        if head.length.is_some_and(|length| length != content.len() as u64) && !may_be_absent {
            return Err(Error::ContentLengthMismatch);
        }
        self.progress = Progress::Sent;
        self.begin(head, Content::Whole(content.into()));
        Ok(())
    }

    /// The fields of an answer that has its status already.
    pub(super) fn check_fields_of_start(&self, list: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, Error> {
        if self.has_started() {
            return Err(Error::AlreadyStarted);
        }
        let fields = fields::check(list)?;
        if fields.contains_key(CONTENT_LENGTH) {
            return Err(Error::ForbiddenField(CONTENT_LENGTH.to_string())); // what follows has no length
        }
        Ok(fields)
    }

    pub(super) fn check(&self, status: u16, fields: Vec<(String, Vec<u8>)>) -> Result<Checked, Error> {
        if self.has_started() {
            return Err(Error::AlreadyStarted);
        }
        let status = match StatusCode::from_u16(status) {
            Ok(code) if !code.is_informational() => code,
            _ => return Err(Error::InvalidStatus(status)),
        };
        let fields = fields::check(fields)?;
        let length = match fields.get(CONTENT_LENGTH) {
            None => None,
            Some(length) => Some(parse_length(length).ok_or_else(|| Error::InvalidField(CONTENT_LENGTH.to_string()))?),
        };
        let allows_content = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(Checked { status, fields, length, allows_content })
    }

    pub(super) fn begin(&self, head: Checked, content: Content) {
        self.answer.begin(Ok(Head { status: head.status, fields: head.fields, content }));
    }
}

impl Checked {
    /// The names in the `trailer` field (RFC 9110 §6.6.2), in lower case.
    fn announced_trailers(&self) -> Vec<String> {
        let lines = self.fields.get_all(TRAILER).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).map(|name| name.trim().to_ascii_lowercase()).collect()
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        match error {
            FieldError::Invalid(name) => Self::InvalidField(name),
            FieldError::Forbidden(name) => Self::ForbiddenField(name),
        }
    }
}

/// RFC 9110 §6.5.1: framing, routing, authentication, and how to read the content.
fn is_needed_before_content(name: &HeaderName) -> bool {
    use http::header as field;
    [
        field::AUTHORIZATION,
        field::CACHE_CONTROL,
        field::CONTENT_ENCODING,
        field::CONTENT_LENGTH,
        field::CONTENT_RANGE,
        field::CONTENT_TYPE,
        field::HOST,
        field::MAX_FORWARDS,
        field::SET_COOKIE,
        field::TE,
        field::TRAILER,
    ]
    .contains(name)
}

/// RFC 9110 §8.6: digits and nothing else; `u64`'s own parser would take a plus sign.
fn parse_length(length: &HeaderValue) -> Option<u64> {
    let length = length.to_str().ok()?;
    if length.bytes().all(|digit| digit.is_ascii_digit()) { length.parse().ok() } else { None }
}
