//! What a store holds: the current exchange, the limiter, and the WASI side, which is made when it is first asked for,
//! because many guests never ask.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::HostOutgoingBody;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::Deployed;
use crate::exchange::Exchange;
use crate::limits::MemoryLimiter;
use crate::log::GuestLog;
use crate::outbound::Denied;

/// The `T` of every `Store<T>`.
pub(crate) struct State {
    exchange: Exchange,
    pub(crate) memory: MemoryLimiter,
    deployed: Arc<Deployed>,
    table: ResourceTable,
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    hooks: Denied,
}

impl State {
    pub(crate) fn new(deployed: Arc<Deployed>, exchange: Exchange) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_RESOURCES);
        Self {
            exchange,
            memory: MemoryLimiter::new(deployed.limits.max_memory),
            deployed,
            table,
            wasi: None,
            http: WasiHttpCtx::new(),
            hooks: Denied,
        }
    }

    pub(crate) fn exchange(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Whether the guest holds an outgoing body that it has neither finished nor dropped.
    pub(crate) fn has_unfinished_content(&mut self) -> bool {
        self.table.iter_mut().any(|resource| resource.is::<HostOutgoingBody>())
    }

    pub(crate) fn deployed(&self) -> &Deployed {
        &self.deployed
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Self { wasi, deployed, table, .. } = self;
        let ctx = wasi.get_or_insert_with(|| {
            // The builder's defaults are the policy: no arguments, environment, folders, input; what is left is closed.
            let log = GuestLog::new(Arc::clone(&deployed.name), deployed.limits.max_log);
            let mut builder = WasiCtx::builder();
            builder.stdout(log.stdout()).stderr(log.stderr());
            builder.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
            builder.build()
        });
        WasiCtxView { ctx, table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}

/// Handles (streams, fields, pollables …) that one exchange may hold; a guest that hoards them traps. Fields are the
/// largest, 128 KiB at most, so what the host holds for one guest is of the size of the guest's own memory.
const MAX_RESOURCES: usize = 1024;
