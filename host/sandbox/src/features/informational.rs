//! `wit/informational.wit`.

use std::future::poll_fn;
use std::sync::Arc;

use http::StatusCode;
use http::header::CONTENT_LENGTH;

use crate::exchange::Exchange;
use crate::exchange::fields::{self, FieldError};
use crate::features::bindings::informational::{Error, Host};

impl Host for Exchange {
    async fn send(&mut self, status: u16, list: Vec<(String, Vec<u8>)>) -> wasmtime::Result<Result<(), Error>> {
        self.disconnect.check()?;
        if self.has_started() {
            return Ok(Err(Error::AlreadyStarted));
        }
        let code = match StatusCode::from_u16(status) {
            Ok(code) if (102..200).contains(&status) => code,
            _ => return Ok(Err(Error::InvalidStatus(status))),
        };
        let fields = match fields::check(list) {
            Ok(fields) if fields.contains_key(CONTENT_LENGTH) => {
                return Ok(Err(Error::ForbiddenField(CONTENT_LENGTH.to_string())));
            }
            Ok(fields) => fields,
            Err(FieldError::Invalid(name)) => return Ok(Err(Error::InvalidField(name))),
            Err(FieldError::Forbidden(name)) => return Ok(Err(Error::ForbiddenField(name))),
        };
        let Some(informational) = self.features.informational.clone() else { return Ok(Err(Error::NotPossible)) };
        let answer = Arc::clone(&self.answer);
        let sent = self.disconnect.wait(&answer, poll_fn(|cx| informational.poll_send(cx, code, &fields))).await?;
        Ok(sent.map_err(|_| Error::Aborted))
    }
}
