//! An instance of a guest, in a store of its own. It answers one exchange, or several one after the other. Dropping it
//! frees everything that it holds.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use tracing::warn;
use wasmtime::{Store, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi_http::p3::bindings::Service;
use windhover_contract::{Fault, HostFault};

use crate::component::guest::{Guest, Kind};
use crate::exchange::Exchange;
use crate::exchange::app::App;
use crate::features::bindings::Application;
use crate::reuse::trap;
use crate::scheduling::background::{give_way, let_others_in};
use crate::scheduling::blocking::Blocking;
use crate::scheduling::instance_limit::InstancePermit;
use crate::scheduling::turns::poll_in_turns;
use crate::store::resources::RESOURCE;
use crate::store::state::{State, log_id};
use crate::wasi::p2::bindings::WasiHttp;
use crate::wasi::p2::handler;
use crate::wasi::p3::Call;

/// Makes the instances of an app.
pub(crate) struct InstanceFactory {
    pub(crate) app: Arc<App>,
    pub(crate) guest: Guest,
}

/// An instance, and its current exchange.
pub(crate) struct Instance {
    pub(crate) store: Store<State>,
    pub(crate) guest: Instantiated,
    answered: u32,
    /// Behind the store: it has ended when it has given its memory back.
    _permit: InstancePermit,
}

/// The exports of an instance.
pub(crate) enum Instantiated {
    Application(Application),
    WasiHttp(WasiHttp),
    WasiHttp3(Service),
}

impl InstanceFactory {
    /// A fresh instance, for an exchange or for several at once.
    pub(crate) async fn instantiate(&self, exchange: Option<Box<Exchange>>) -> Result<Instance, Fault> {
        let Self { app, guest } = self;
        let instances = guest.engine().instances();
        let Some(permit) = instances.acquire() else {
            let (app, id, max) = (&app.name, log_id(&exchange), instances.max());
            warn!(%app, %id, "all {max} instances of the server are in use (max-instances)");
            return Err(HostFault::Busy.into());
        };
        let mut store = Store::new(guest.runtime(), State::new(Arc::clone(app), exchange));
        store.limiter(|state| &mut state.memory);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let_others_in();
            let Some(time) = store.data_mut().ticked() else { return Ok(UpdateDeadline::Continue(1)) };
            if let Some(profile) = store.data().app().profile.get() {
                profile.take(&WasmBacktrace::capture(&store));
            }
            let gives_way = store.data_mut().tick(time)?;
            Ok(if gives_way { UpdateDeadline::YieldCustom(1, give_way()) } else { UpdateDeadline::Continue(1) })
        });
        // What one call may copy into the host: no more than the guest itself may hold.
        store.set_hostcall_fuel(app.limits.max_memory);
        // A handle takes a fifth of what is counted for a resource, and exists twice while it is borrowed. This limits
        // the handles of resources that the guest defines itself, which the host does not see.
        let handles = (app.limits.max_resource_memory / RESOURCE).saturating_mul(2);
        store.set_max_component_handles(handles);
        if let Some(table) = store.concurrent_resource_table() {
            table.set_max_capacity(handles);
        }
        match inside(app.grants.blocking_guests(), instantiate(&guest.kind, &mut store)).await {
            Ok(guest) => Ok(Instance { store, guest, answered: 0, _permit: permit }),
            Err(error) => Err(trap::fault(error, store.data_mut())),
        }
    }
}

impl Instance {
    /// Answers the exchange to its end.
    pub(crate) async fn answer(&mut self) -> Result<(), Fault> {
        let Self { store, guest, answered, .. } = self;
        *answered = answered.saturating_add(1);
        let blocking = store.data().app().grants.blocking_guests();
        let call = async {
            match guest {
                Instantiated::Application(guest) => guest.call_handle(&mut *store).await,
                Instantiated::WasiHttp(guest) => handler::call(store, guest).await,
                Instantiated::WasiHttp3(guest) => Box::pin(call_wasi_http3(store, guest)).await, // large, and seldom
            }
        };
        let ended = inside(blocking, call).await;
        if store.data_mut().has_unfinished_content() {
            store.data_mut().exchange().answer.leave_unfinished();
        }
        if store.data_mut().exchange().websocket.is_some() {
            Box::pin(store.data_mut().exchange().close_websocket(ended.is_ok())).await;
        }
        match ended {
            Err(error) if trap::is_success(&error, store.data_mut()) => {
                *answered = u32::MAX; // it cannot be called again
                Ok(())
            }
            ended => ended.map_err(|error| trap::fault(error, store.data_mut())),
        }
    }

    /// Whether it has answered its exchange, or begun to.
    pub(crate) fn has_answered(&self) -> bool {
        self.store.data().has_answered()
    }

    /// Begins another exchange with an instance that was idle.
    pub(crate) fn begin(&mut self, exchange: Box<Exchange>) {
        self.store.data_mut().begin(Some(exchange));
        // The ticker went on while the instance was idle, and must not interrupt its first step at once.
        self.store.set_epoch_deadline(1);
    }

    /// Ends its exchange. Returns the number of exchanges that it has answered. That is `u32::MAX` if the instance cannot
    /// be used again: it did not answer this exchange, it keeps content that the connection waits for, or it holds so much
    /// that the next exchange may fail.
    pub(crate) fn end_exchange(&mut self) -> u32 {
        let state = self.store.data_mut();
        let is_spent = !state.has_answered()
            || state.has_unfinished_content()
            || state.keeps_content()
            || state.resources.are_many();
        state.end();
        if is_spent { u32::MAX } else { self.answered }
    }
}

/// Polls a guest's work where it may block.
async fn inside<T>(blocking: Option<Arc<Blocking>>, work: impl Future<Output = T>) -> T {
    match blocking {
        None => work.await,
        Some(blocking) => Box::pin(blocking.inside(work)).await,
    }
}

async fn instantiate(kind: &Kind, store: &mut Store<State>) -> wasmtime::Result<Instantiated> {
    Ok(match kind {
        Kind::Application(guest) => Instantiated::Application(guest.instantiate_async(store).await?),
        Kind::WasiHttp(guest) => Instantiated::WasiHttp(guest.instantiate_async(store).await?),
        Kind::WasiHttp3(guest) => Instantiated::WasiHttp3(guest.instantiate_async(store).await?),
    })
}

async fn call_wasi_http3(store: &mut Store<State>, guest: &Service) -> wasmtime::Result<()> {
    let app = Arc::clone(&store.data().app().name);
    let (call, request) = Call::new(app, store.data_mut().exchange());
    let mut running = pin!(store.run_concurrent(async |accessor| call.run(accessor, guest, request).await));
    let ended = poll_fn(|cx| poll_in_turns(cx, |cx| running.as_mut().poll(cx))).await.flatten();
    if ended.is_err() {
        call.leave();
    }
    ended
}
