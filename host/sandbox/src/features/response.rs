//! `wit/response.wit`: what a guest may answer, checked before anything of it leaves.

use std::future::poll_fn;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::answer::{Content, Head};
use crate::bindings::response::{Error, Host};
use crate::exchange::{Exchange, Progress};

impl Host for Exchange {
    fn send(&mut self, status: u16, fields: Vec<(String, Vec<u8>)>, content: Vec<u8>) -> Result<(), Error> {
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

    fn start(&mut self, status: u16, fields: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let head = self.check(status, fields)?;
        self.progress = Progress::Started { remaining: head.length, allows_content: head.allows_content };
        self.begin(head, Content::Pieces);
        Ok(())
    }

    async fn write(&mut self, content: Vec<u8>) -> Result<(), Error> {
        let Progress::Started { remaining, allows_content } = &mut self.progress else {
            return Err(Error::NotStarted);
        };
        if content.is_empty() {
            return Ok(());
        }
        if !*allows_content {
            return Err(Error::ContentNotAllowed);
        }
        if let Some(remaining) = remaining {
            *remaining = remaining.checked_sub(content.len() as u64).ok_or(Error::ContentLengthMismatch)?;
        }
        let mut piece = Some(Bytes::from(content));
        poll_fn(|cx| self.answer.poll_offer(&mut piece, cx)).await;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let Progress::Started { .. } = self.progress else {
            return Err(Error::NotStarted);
        };
        poll_fn(|cx| self.answer.poll_flushed(cx)).await;
        Ok(())
    }
}

/// A head that may be sent.
struct Checked {
    status: StatusCode,
    fields: HeaderMap,
    length: Option<u64>,
    allows_content: bool,
}

impl Exchange {
    fn check(&self, status: u16, fields: Vec<(String, Vec<u8>)>) -> Result<Checked, Error> {
        if !matches!(self.progress, Progress::Unanswered) {
            return Err(Error::AlreadyStarted);
        }
        let status = match StatusCode::from_u16(status) {
            Ok(code) if !code.is_informational() => code,
            _ => return Err(Error::InvalidStatus(status)),
        };
        let fields = check_fields(fields)?;
        let length = match fields.get(CONTENT_LENGTH) {
            None => None,
            Some(length) => Some(parse_length(length).ok_or_else(|| Error::InvalidField(CONTENT_LENGTH.to_string()))?),
        };
        let allows_content = !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(Checked { status, fields, length, allows_content })
    }

    fn begin(&self, head: Checked, content: Content) {
        self.answer.begin(Ok(Head { status: head.status, fields: head.fields, content }));
    }
}

fn check_fields(list: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, Error> {
    let mut size = 0;
    let mut fields = HeaderMap::with_capacity(list.len().min(MAX_FIELDS));
    for (name, value) in list {
        size += name.len() + value.len();
        // The error carries the name back into the guest, so a name of megabytes is cut.
        let refused = |name: &str| Error::InvalidField(name.chars().take(MAX_NAME_IN_ERROR).collect());
        let Ok(parsed) = HeaderName::try_from(name.as_str()) else { return Err(refused(&name)) };
        if is_connection_level(&parsed) {
            return Err(Error::ForbiddenField(name));
        }
        if fields.len() == MAX_FIELDS || size > MAX_FIELDS_SIZE {
            return Err(refused(&name));
        }
        let Ok(value) = HeaderValue::try_from(value) else { return Err(refused(&name)) };
        if parsed == CONTENT_LENGTH && fields.contains_key(CONTENT_LENGTH) {
            return Err(refused(&name)); // two lengths are smuggling bait, even if they agree
        }
        fields.append(parsed, value);
    }
    Ok(fields)
}

/// RFC 9110 §7.6.1: these are about the connection, which is the server's.
fn is_connection_level(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | TRANSFER_ENCODING | UPGRADE)
        || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// RFC 9110 §8.6: digits and nothing else; `u64`'s own parser would take a plus sign.
fn parse_length(length: &HeaderValue) -> Option<u64> {
    let length = length.to_str().ok()?;
    if length.bytes().all(|digit| digit.is_ascii_digit()) { length.parse().ok() } else { None }
}

/// As the WIT says. Far more than any client takes, and little enough to hold for every instance.
const MAX_FIELDS: usize = 1000;
const MAX_FIELDS_SIZE: usize = 128 << 10;
const MAX_NAME_IN_ERROR: usize = 256;
