//! `wit/websocket.wit`.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderValue;
use tokio::time::Instant;
use tungstenite::protocol::frame::coding::Data;
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmList, WasmStr};

use crate::answer::Answer;
use crate::answer::buffers::counted;
use crate::exchange::Exchange;
use crate::exchange::disconnect::Disconnect;
use crate::exchange::websocket::{self, Handshake, WebSocket};
use crate::features::bindings::response::Error as ResponseError;
use crate::features::bindings::websocket::{AcceptError, CloseFrame, Error, Event, Host};
use crate::store::state::State;

impl Host for Exchange {
    fn requested(&mut self) -> Option<Vec<String>> {
        self.handshake().map(|_| websocket::offered(&self.fields))
    }

    fn accept(
        &mut self,
        subprotocol: Option<String>,
        list: Vec<(String, Vec<u8>)>,
    ) -> wasmtime::Result<Result<(), AcceptError>> {
        self.disconnect.check()?;
        Ok(self.accept_websocket(subprotocol, list))
    }

    async fn receive(&mut self, timeout: Option<u32>) -> wasmtime::Result<Result<Event, Error>> {
        let Some((socket, disconnect, answer)) = self.socket() else { return Ok(Err(Error::NotAccepted)) };
        let deadline = timeout.map(|timeout| Instant::now() + Duration::from_millis(timeout.into()));
        let event = disconnect.wait(&answer, socket.receive(&answer, deadline)).await?;
        if let Ok(websocket::Event::Closed(_)) = event {
            // A guest that ignores it calls again and again, and no disconnect ends it.
            answer.time.shorten(Instant::now());
        }
        Ok(event.map_err(|_| Error::Closed).map(|event| match event {
            websocket::Event::Text(text) => Event::Text(text),
            websocket::Event::Binary(data) => Event::Binary(data.into()),
            websocket::Event::Closed(closed) => Event::Closed(CloseFrame { code: closed.code, reason: closed.reason }),
            websocket::Event::TimedOut => Event::TimedOut,
        }))
    }

    async fn send_text(&mut self, _: String) -> wasmtime::Result<Result<(), Error>> {
        unreachable!("`send` below is linked in its place")
    }

    async fn send_binary(&mut self, _: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        unreachable!("`send` below is linked in its place")
    }

    async fn close(&mut self, code: u16, reason: String) -> wasmtime::Result<Result<(), Error>> {
        let Some((socket, disconnect, answer)) = self.socket() else { return Ok(Err(Error::NotAccepted)) };
        if !may_be_sent(code) || reason.len() > MAX_REASON {
            return Ok(Err(Error::InvalidClose));
        }
        let closed = disconnect.wait(&answer, socket.close(&answer, code, &reason)).await?;
        Ok(closed.map_err(|_| Error::Closed).and_then(|closed| closed.map_err(|_| Error::Closed)))
    }
}

/// Links what takes content, as in `response`.
pub(super) fn add_content_to_linker(websocket: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    websocket.func_wrap_async("send-text", |store, (text,): (WasmStr,)| {
        Box::new(async move { Ok((send(store, Message::Text(text)).await?,)) })
    })?;
    websocket.func_wrap_async("send-binary", |store, (data,): (WasmList<u8>,)| {
        Box::new(async move { Ok((send(store, Message::Binary(data)).await?,)) })
    })
}

/// A message in the guest's memory.
enum Message {
    Text(WasmStr),
    Binary(WasmList<u8>),
}

impl Message {
    /// A string may have another encoding there, so this reads it.
    fn size(&self, store: &StoreContextMut<'_, State>) -> wasmtime::Result<usize> {
        Ok(match self {
            Self::Text(text) => text.to_str(store)?.len(),
            Self::Binary(data) => data.len(),
        })
    }

    fn copy(&self, store: &StoreContextMut<'_, State>) -> wasmtime::Result<Bytes> {
        Ok(match self {
            Self::Text(text) => match text.to_str(store)? {
                Cow::Borrowed(text) => Bytes::copy_from_slice(text.as_bytes()),
                Cow::Owned(text) => text.into(),
            },
            Self::Binary(data) => Bytes::copy_from_slice(data.as_le_slice(store)),
        })
    }
}

/// Copies a message out of the guest, once there is room for it, and sends it.
async fn send(mut store: StoreContextMut<'_, State>, message: Message) -> wasmtime::Result<Result<(), Error>> {
    let size = message.size(&store)?;
    let Some((socket, disconnect, answer)) = store.data_mut().exchange().socket() else {
        return Ok(Err(Error::NotAccepted));
    };
    // A closed one needs no room. One with a partial incoming message keeps its room while it waits.
    let (size, holds_room) = (if socket.is_open() { size } else { 0 }, socket.holds_room());
    let held = match answer.room.try_take(size) {
        Ok(held) => held,
        Err(()) => match socket.split_beyond() {
            Some(held) => Some(held),
            None => {
                let wait = async {
                    match holds_room {
                        true => answer.room.take_besides(size, &*answer).await,
                        false => answer.room.take(size, &*answer).await,
                    }
                };
                match disconnect.wait(&answer, wait).await? {
                    Ok(held) => held?,
                    Err(_) => return Ok(Err(Error::Closed)),
                }
            }
        },
    };
    let payload = counted(message.copy(&store)?, held);
    let kind = match message {
        Message::Text(_) => Data::Text,
        Message::Binary(_) => Data::Binary,
    };
    let exchange = store.data_mut().exchange();
    let Some((socket, disconnect, answer)) = exchange.socket() else { return Ok(Err(Error::NotAccepted)) };
    let sent = disconnect.wait(&answer, socket.send(&answer, kind, payload)).await?;
    Ok(sent.map_err(|_| Error::Closed).and_then(|sent| sent.map_err(|_| Error::Closed)))
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
        self.websocket = Some(Box::new(WebSocket::new(incoming, &self.app.limits.websocket, &self.app.leaving)));
        Ok(())
    }

    fn socket(&mut self) -> Option<(&mut WebSocket, &mut Disconnect, Arc<Answer>)> {
        Some((self.websocket.as_deref_mut()?, &mut self.disconnect, Arc::clone(&self.answer)))
    }
}

/// RFC 6455 §7.4, and the registry that it opened.
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// A control frame holds 125 bytes, two of which are the code (RFC 6455 §5.5).
const MAX_REASON: usize = 123;
