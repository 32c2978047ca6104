//! `wit/upgrade.wit`.

use std::sync::Arc;

use http::header::UPGRADE;
use http::{HeaderMap, HeaderValue, StatusCode};
use wasmtime::StoreContextMut;
use wasmtime::component::{LinkerInstance, WasmList};
use windhover_contract::UpgradeKind;

use crate::answer::{Content, Head};
use crate::exchange::fields::FieldError;
use crate::exchange::{self, Exchange, Progress};
use crate::features::bindings::upgrade::{Error, Host};
use crate::features::content;
use crate::store::state::State;

impl Host for Exchange {
    fn requested(&mut self) -> Vec<String> {
        self.features.upgrade.iter().flat_map(|upgrade| upgrade.protocols()).map(str::to_owned).collect()
    }

    fn accept(&mut self, protocol: String, list: Vec<(String, Vec<u8>)>) -> wasmtime::Result<Result<(), Error>> {
        self.disconnect.check()?;
        Ok(self.accept_protocol(&protocol, list))
    }

    async fn read(&mut self, max: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        let Some(upgraded) = &mut self.upgraded else { return Ok(Err(Error::NotAccepted)) };
        let answer = Arc::clone(&self.answer);
        Ok(match self.disconnect.wait(&answer, upgraded.read(super::request::piece(max))).await? {
            Ok(Ok(bytes)) => Ok(bytes.into()),
            Ok(Err(_)) | Err(_) => Err(Error::Closed),
        })
    }

    async fn write(&mut self, _: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        unreachable!("`write` below is linked in its place")
    }
}

/// Links what takes content, as in `response`.
pub(super) fn add_content_to_linker(upgrade: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    upgrade.func_wrap_async("write", |store, (bytes,): (WasmList<u8>,)| {
        Box::new(async move { Ok((write(store, bytes).await?,)) })
    })
}

async fn write(mut store: StoreContextMut<'_, State>, bytes: WasmList<u8>) -> wasmtime::Result<Result<(), Error>> {
    let exchange = store.data_mut().exchange();
    if exchange.upgraded.is_none() {
        return Ok(Err(Error::NotAccepted));
    }
    Ok(content::write(&mut store, &bytes).await?.map_err(|_| Error::Closed))
}

impl Exchange {
    fn accept_protocol(&mut self, protocol: &str, list: Vec<(String, Vec<u8>)>) -> Result<(), Error> {
        let upgrade = self.features.upgrade.as_ref().filter(|upgrade| upgrade.offers(protocol));
        let kind = upgrade.ok_or(Error::NotRequested)?.kind;
        let mut fields = self.check_fields_of_start(list).map_err(Error::Response)?;
        if kind == UpgradeKind::Connection {
            let protocol = HeaderValue::try_from(protocol).map_err(|_| Error::NotRequested)?;
            fields.insert(UPGRADE, protocol);
        }
        let content = self.take_over(fields).ok_or(Error::NotRequested)?;
        self.upgraded = Some(Box::new(exchange::Content::new(content, usize::MAX)));
        Ok(())
    }

    /// Answers with the head that changes the protocol. Gives what the client sends from there on.
    pub(super) fn take_over(&mut self, fields: HeaderMap) -> Option<windhover_contract::Body> {
        let upgrade = self.features.upgrade.take()?;
        self.progress = Progress::Upgraded;
        self.content.take();
        if let Some(limits) = &self.features.limits {
            // In the new protocol, data rates mean nothing to the server.
            limits.set_min_response_data_rate(None);
        }
        self.answer.time.upgrade();
        let status = StatusCode::SWITCHING_PROTOCOLS; // whatever the protocol says in its place
        self.answer.begin(Ok(Head { status, fields, content: Content::Pieces }));
        Some(upgrade.content)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Response(error.into())
    }
}
