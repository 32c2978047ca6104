//! `wit/response.wit`. Everything that a guest answers is checked before anything is sent.

use std::future::poll_fn;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmList};
use windhover_contract::{Response, may_be_trailer};

use crate::answer::{Content, Head};
use crate::exchange::fields::{self, FieldError};
use crate::exchange::{Exchange, Progress};
use crate::features::bindings::response::{Error, Host};
use crate::features::content;
use crate::store::state::State;

impl Host for Exchange {
    async fn send(&mut self, _: u16, _: Vec<(String, Vec<u8>)>, _: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        unreachable!("`send` below is linked in its place")
    }

    fn start(&mut self, status: u16, fields: Vec<(String, Vec<u8>)>) -> wasmtime::Result<Result<(), Error>> {
        self.disconnect.check()?;
        Ok(self.check(status, fields).map(|head| {
            let trailers = head.announced_trailers();
            self.progress = Progress::Started { remaining: head.length, allows_content: head.allows_content, trailers };
            self.begin(head, Content::Pieces);
        }))
    }

    async fn write(&mut self, _: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        unreachable!("`write` below is linked in its place")
    }

    async fn flush(&mut self) -> wasmtime::Result<Result<(), Error>> {
        let Progress::Started { .. } = self.progress else {
            return Ok(Err(Error::NotStarted));
        };
        let answer = Arc::clone(&self.answer);
        let flushed = self.disconnect.wait(&answer, poll_fn(|cx| answer.poll_flushed(cx))).await?;
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
            if !may_be_trailer(name) {
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

/// Links the functions that take content. Not generated, because the content stays in the guest's memory until the host
/// has room for it.
pub(super) fn add_content_to_linker(response: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    type Whole = (u16, Vec<(String, Vec<u8>)>, WasmList<u8>);
    response.func_wrap_async("send", |store, (status, fields, content): Whole| {
        Box::new(async move { Ok((send(store, status, fields, content).await?,)) })
    })?;
    response.func_wrap_async("write", |store, (content,): (WasmList<u8>,)| {
        Box::new(async move { Ok((write(store, content).await?,)) })
    })
}

async fn send(
    mut store: StoreContextMut<'_, State>,
    status: u16,
    fields: Vec<(String, Vec<u8>)>,
    content: WasmList<u8>,
) -> wasmtime::Result<Result<(), Error>> {
    let exchange = store.data_mut().exchange();
    exchange.disconnect.check()?;
    let head = match exchange.check_whole(status, fields, content.len()) {
        Ok(head) => head,
        Err(error) => return Ok(Err(error)),
    };
    let Ok(content) = content::take_out(&mut store, &content).await? else { return Ok(Err(Error::Aborted)) };
    let exchange = store.data_mut().exchange();
    exchange.progress = Progress::Sent;
    exchange.begin(head, Content::Whole(content));
    Ok(Ok(()))
}

async fn write(mut store: StoreContextMut<'_, State>, content: WasmList<u8>) -> wasmtime::Result<Result<(), Error>> {
    let exchange = store.data_mut().exchange();
    if let Err(error) = exchange.check_piece(content.len()) {
        return Ok(Err(error));
    }
    if content.len() == 0 {
        return Ok(Ok(()));
    }
    Ok(content::write(&mut store, &content).await?.map_err(|_| Error::Aborted))
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

    /// The head of an answer with all of its content, of this size.
    fn check_whole(&self, status: u16, fields: Vec<(String, Vec<u8>)>, size: usize) -> Result<Checked, Error> {
        let head = self.check(status, fields)?;
        if size > 0 && !head.allows_content {
            return Err(Error::ContentNotAllowed);
        }
        // RFC 9110 §9.3.2: the answer to HEAD may give the length of what GET would get.
        let may_be_absent = !head.allows_content || (self.method == Method::HEAD && size == 0);
        if head.length.is_some_and(|length| length != size as u64) && !may_be_absent {
            return Err(Error::ContentLengthMismatch);
        }
        Ok(head)
    }

    /// Whether a piece of this size may be written now. If so, it is counted.
    fn check_piece(&mut self, size: usize) -> Result<(), Error> {
        let Progress::Started { remaining, allows_content, .. } = &mut self.progress else {
            return Err(Error::NotStarted);
        };
        if size == 0 {
            return Ok(());
        }
        if !*allows_content {
            return Err(Error::ContentNotAllowed);
        }
        if let Some(remaining) = remaining {
            *remaining = remaining.checked_sub(size as u64).ok_or(Error::ContentLengthMismatch)?;
        }
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
        let allows_content = Response::status_has_content(status);
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

/// RFC 9110 §8.6: digits and nothing else; `u64`'s own parser would take a plus sign.
fn parse_length(length: &HeaderValue) -> Option<u64> {
    let length = length.to_str().ok()?;
    if length.bytes().all(|digit| digit.is_ascii_digit()) { length.parse().ok() } else { None }
}
