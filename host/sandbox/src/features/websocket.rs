//! `wit/websocket.wit`.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;
use tungstenite::Message;

use crate::answer::Answer;
use crate::bindings::response::Error as ResponseError;
use crate::bindings::websocket::{AcceptError, CloseFrame, Error, Event, Host};
use crate::exchange::Exchange;
use crate::presence::Presence;
use crate::websocket::{self, Handshake, WebSocket};

impl Host for Exchange {
    fn requested(&mut self) -> Option<Vec<String>> {
        self.handshake().map(|_| websocket::offered(&self.fields))
    }

    fn accept(
        &mut self,
        subprotocol: Option<String>,
        list: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), AcceptError>> {
        self.presence.check()?;
        Ok(self.accept_websocket(subprotocol, list))
    }

    async fn receive(&mut self, timeout: Option<u32>) -> wasmtime::Result<Result<Event, Error>> {
        let Some((socket, presence, answer)) = self.socket() else { return Ok(Err(Error::NotAccepted)) };
        let deadline = timeout.map(|timeout| Instant::now() + Duration::from_millis(timeout.into()));
        let event = presence.wait(&answer, socket.receive(&answer, deadline)).await?;
        if let Ok(websocket::Event::Closed(_)) = event {
            // A guest that does not notice asks again and again, and there is nobody whose leaving ends it.
            answer.time.shorten();
        }
        Ok(event.map_err(|_| Error::Closed).map(|event| match event {
            websocket::Event::Text(text) => Event::Text(text),
            websocket::Event::Binary(data) => Event::Binary(data.into()),
            websocket::Event::Closed(closed) => Event::Closed(CloseFrame { code: closed.code, reason: closed.reason }),
            websocket::Event::TimedOut => Event::TimedOut,
        }))
    }

    async fn send_text(&mut self, text: String) -> wasmtime::Result<Result<(), Error>> {
        self.send_message(Message::text(text)).await
    }

    async fn send_binary(&mut self, data: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        self.send_message(Message::binary(data)).await
    }

    async fn close(&mut self, code: u16, reason: String) -> wasmtime::Result<Result<(), Error>> {
        let Some((socket, presence, answer)) = self.socket() else { return Ok(Err(Error::NotAccepted)) };
        if !may_be_sent(code) || reason.len() > MAX_REASON {
            return Ok(Err(Error::InvalidClose));
        }
        let closed = presence.wait(&answer, socket.close(&answer, code, &reason)).await?;
        Ok(closed.map_err(|_| Error::Closed).and_then(|closed| closed.map_err(|_| Error::Closed)))
    }
}

impl Exchange {
    fn handshake(&self) -> Option<Handshake> {
        Handshake::of(&self.method, &self.fields, self.features.upgrade.as_ref())
    }

    fn accept_websocket(
        &mut self,
        subprotocol: Option<String>,
        list: Vec<(String, Vec<u8>)>,
    ) -> Result<(), AcceptError> {
        let handshake = self.handshake().ok_or(AcceptError::NotRequested)?;
        let mut fields = self.check_fields_of_start(list).map_err(AcceptError::Response)?;
        if let Some(own) = fields.keys().find(|name| websocket::is_own(name)) {
            return Err(AcceptError::Response(ResponseError::ForbiddenField(own.to_string())));
        }
        let subprotocol = match subprotocol {
            Some(subprotocol) if !websocket::offered(&self.fields).contains(&subprotocol) => {
                return Err(AcceptError::NotOffered);
            }
            Some(subprotocol) => Some(HeaderValue::try_from(subprotocol).map_err(|_| AcceptError::NotOffered)?),
            None => None,
        };
        handshake.accept(&mut fields, subprotocol);
        let incoming = self.take_over(fields).ok_or(AcceptError::NotRequested)?;
        self.websocket =
            Some(Box::new(WebSocket::new(incoming, &self.deployed.limits.websocket, &self.deployed.leaving)));
        Ok(())
    }

    async fn send_message(&mut self, message: Message) -> wasmtime::Result<Result<(), Error>> {
        let Some((socket, presence, answer)) = self.socket() else { return Ok(Err(Error::NotAccepted)) };
        let sent = presence.wait(&answer, socket.send(&answer, message)).await?;
        Ok(sent.map_err(|_| Error::Closed).and_then(|sent| sent.map_err(|_| Error::Closed)))
    }

    fn socket(&mut self) -> Option<(&mut WebSocket, &mut Presence, Arc<Answer>)> {
        Some((self.websocket.as_deref_mut()?, &mut self.presence, Arc::clone(&self.answer)))
    }
}

/// RFC 6455 §7.4, and the registry that it opened.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// A control frame holds 125 octets, two of which are the code (RFC 6455 §5.5).
const MAX_REASON: usize = 123;
