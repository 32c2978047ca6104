//! Copies content out of a guest's memory. It stays there until the host has room for it.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::WasmList;

use crate::answer::buffers::counted;
use crate::exchange::disconnect::Left;
use crate::store::state::State;

/// Copies a piece of content out of the guest and passes it to the answer, when there is room for it.
pub(super) async fn write(
    store: &mut StoreContextMut<'_, State>,
    content: &WasmList<u8>,
) -> wasmtime::Result<Result<(), Left>> {
    let exchange = store.data_mut().exchange();
    let answer = Arc::clone(&exchange.answer);
    // Room is taken only then: content with room is on its way, and waits for the client only.
    let held = match exchange.disconnect.wait(&answer, poll_fn(|cx| answer.poll_ahead(content.len(), cx))).await? {
        Ok(held) => held,
        Err(left) => return Ok(Err(left)),
    };
    let piece = match held {
        Some(held) => counted(Bytes::copy_from_slice(content.as_le_slice(&*store)), Some(held)),
        None => match take_out(store, content).await? {
            Ok(piece) => piece,
            Err(left) => return Ok(Err(left)),
        },
    };
    if !piece.is_empty() {
        answer.push(piece);
    }
    Ok(Ok(()))
}

/// Copies content out of the guest, when there is room for it.
pub(super) async fn take_out(
    store: &mut StoreContextMut<'_, State>,
    content: &WasmList<u8>,
) -> wasmtime::Result<Result<Bytes, Left>> {
    let exchange = store.data_mut().exchange();
    let held = match exchange.answer.room.try_take(content.len()) {
        Ok(held) => held,
        Err(()) => {
            let answer = Arc::clone(&exchange.answer);
            match exchange.disconnect.wait(&answer, answer.room.take(content.len(), &*answer)).await? {
                Ok(held) => held?,
                Err(left) => return Ok(Err(left)),
            }
        }
    };
    Ok(Ok(counted(Bytes::copy_from_slice(content.as_le_slice(&*store)), held)))
}
