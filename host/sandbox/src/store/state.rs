//! The data of a store: the current exchange, the limiters, and the WASI context, which is made at the first use
//! because many guests never use it.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tracing::warn;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::filesystem::{WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use windhover_contract::{ClientFault, Trace};

use crate::exchange::Exchange;
use crate::exchange::app::App;
use crate::exchange::log_id::LogId;
use crate::grants::outbound::Hooks;
use crate::grants::{GrantStore, Grants};
use crate::limits::memory::MemoryLimiter;
use crate::scheduling::background::found_at_work;
use crate::store::log::GuestLog;
use crate::store::resources::{MAX_FIELDS, OPEN_FILE, Resources};
use crate::wasi::p2::messages;

/// The `T` of every `Store<T>`.
pub(crate) struct State {
    /// `None`: the instance is idle, or in several exchanges at once.
    exchange: Option<Box<Exchange>>,
    pub(crate) memory: MemoryLimiter,
    app: Arc<App>,
    pub(crate) resources: Resources,
    log: GuestLog,
    wasi: Option<WasiCtx>,
    http: WasiHttpCtx,
    hooks: Hooks,
    /// Whether the ticker has found the guest at work in the current exchange, and the guest's CPU time in it.
    was_found: bool,
    cpu_time: Duration,
    /// The ticks when they were last read.
    seen: u32,
}

/// The guest has used its CPU time.
#[derive(Debug, thiserror::Error)]
#[error("the guest used more CPU time than its limit")]
pub(crate) struct CpuTimeExceeded;

impl State {
    pub(crate) fn new(app: Arc<App>, exchange: Option<Box<Exchange>>) -> Self {
        let mut hooks = Hooks::new(&app.name, &app.grants.outbound);
        hooks.begin(trace_of(&exchange));
        let all = &app.grown_memory;
        Self {
            memory: MemoryLimiter::new(app.limits.max_memory, Arc::clone(all)),
            resources: Resources::new(app.limits.max_resource_memory, Arc::clone(all)),
            log: GuestLog::new(Arc::clone(&app.name), log_id(&exchange), app.limits.max_log),
            exchange,
            seen: app.scheduler.ticker.ticks(),
            app,
            wasi: None,
            http: WasiHttpCtx::new(),
            hooks,
            was_found: false,
            cpu_time: Duration::ZERO,
        }
    }

    /// The current exchange. A guest that asks for it is in one exchange at a time, and does not run between two.
    pub(crate) fn exchange(&mut self) -> &mut Exchange {
        self.exchange.as_mut().expect("an instance that rests does not run, and one in several exchanges never asks")
    }

    /// The current exchange, if the instance is in exactly one.
    pub(crate) fn current(&self) -> Option<&Exchange> {
        self.exchange.as_deref()
    }

    /// Begins an exchange. Its limits start again; the memory that the instance holds stays counted.
    pub(crate) fn begin(&mut self, exchange: Option<Box<Exchange>>) {
        self.memory.refused = None;
        (self.was_found, self.cpu_time) = (false, Duration::ZERO);
        self.seen = self.app.scheduler.ticker.ticks();
        self.hooks.begin(trace_of(&exchange));
        self.log.begin(log_id(&exchange), self.app.limits.max_log);
        self.exchange = exchange;
    }

    /// The guest's CPU time, if a tick has interrupted it since the last call. `None`: it was a fast tick, or the guest
    /// waited.
    pub(crate) fn ticked(&mut self) -> Option<Duration> {
        let ticker = &self.app.scheduler.ticker;
        let now = ticker.ticks();
        let has_ticked = std::mem::replace(&mut self.seen, now) != now;
        has_ticked.then(|| found_at_work(ticker)).flatten()
    }

    /// The ticker has found the guest at work, with this CPU time. Returns whether the guest yields: not at the first
    /// tick of an exchange, so that a guest that is about to finish is not delayed.
    pub(crate) fn tick(&mut self, time: Duration) -> Result<bool, CpuTimeExceeded> {
        self.app.scheduler.ticker.start(); // it may have stopped during a long host call of the guest
        let gives_way = std::mem::replace(&mut self.was_found, true);
        self.cpu_time = self.cpu_time.saturating_add(time);
        let Some(exchange) = &self.exchange else { return Ok(gives_way) }; // in several exchanges, each of which has its own time
        let limits = &self.app.limits;
        let share = limits.max_cpu_time.as_secs_f64() / limits.timeout.as_secs_f64();
        let max = exchange.answer.time.limit().as_secs_f64() * share;
        if self.cpu_time.as_secs_f64() > max { Err(CpuTimeExceeded) } else { Ok(gives_way) }
    }

    /// Ends the current exchange, and frees what the host held for it.
    pub(crate) fn end(&mut self) {
        self.exchange = None;
    }

    /// Whether the guest has answered the current exchange, or begun to.
    pub(crate) fn has_answered(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.answer.has_begun())
    }

    /// Whether the guest keeps the content of the current exchange, which would block the connection.
    pub(crate) fn keeps_content(&self) -> bool {
        self.exchange.as_ref().is_some_and(|exchange| exchange.content.is_kept())
    }

    /// The fault of the client of the current exchange.
    pub(crate) fn client_fault(&self) -> Option<ClientFault> {
        self.exchange.as_ref()?.content.fault()
    }

    pub(crate) fn table(&mut self) -> &mut ResourceTable {
        self.resources.table()
    }

    /// The same, for a call that may add so many bytes of content.
    pub(crate) fn table_for(&mut self, content: usize) -> &mut ResourceTable {
        self.resources.table_for(content)
    }

    pub(crate) fn hooks(&mut self) -> &mut Hooks {
        &mut self.hooks
    }

    pub(crate) fn table_and_hooks(&mut self) -> (&mut ResourceTable, &mut Hooks) {
        self.table_for_and_hooks(0)
    }

    pub(crate) fn table_for_and_hooks(&mut self, content: usize) -> (&mut ResourceTable, &mut Hooks) {
        (self.resources.table_for(content), &mut self.hooks)
    }

    /// Whether the guest holds an outgoing body that it has neither finished nor dropped.
    pub(crate) fn has_unfinished_content(&mut self) -> bool {
        self.resources.iter_mut().any(|resource| messages::is_unfinished(resource))
    }

    /// The log id of the current exchange.
    pub(crate) fn log_id(&self) -> LogId {
        log_id(&self.exchange)
    }

    pub(crate) fn app(&self) -> &App {
        &self.app
    }
}

/// The parts of an exchange that its outbound requests need.
fn trace_of(exchange: &Option<Box<Exchange>>) -> Option<(&HeaderMap, Option<&Arc<dyn Trace>>)> {
    exchange.as_ref().map(|exchange| (&exchange.fields, exchange.features.trace.as_ref()))
}

pub(crate) fn log_id(exchange: &Option<Box<Exchange>>) -> LogId {
    exchange.as_ref().map_or_else(LogId::default, |exchange| LogId::from(&exchange.features))
}

impl Drop for State {
    /// A guest of wasi:http 0.2 that was cut off in a wait may have waited for itself. This is the last chance to
    /// detect it.
    fn drop(&mut self) {
        let Some(exchange) = &self.exchange else { return };
        if exchange.answer.is_unfinished()
            && self.resources.iter_mut().any(|resource| messages::is_written_early(resource))
        {
            exchange.answer.hold_back();
        }
    }
}

impl GrantStore for State {
    type Grants = Grants;

    fn grants(&self) -> &Grants {
        &self.app.grants
    }

    fn files(&mut self) -> WasiFilesystemCtxView<'_> {
        self.resources.table_for(OPEN_FILE);
        self.filesystem()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let Self { wasi, log, resources, app, .. } = self;
        let ctx = wasi.get_or_insert_with(|| {
            // The builder's defaults are the policy: no arguments, environment, folders, input; what is left is closed,
            // and what is granted is added.
            let mut builder = WasiCtx::builder();
            builder.stdout(log.stdout()).stderr(log.stderr());
            if let Err(error) = app.grants.prepare(&mut builder) {
                warn!(app = %app.name, "cannot open a granted folder, so the guest has no folder: {error:#}");
            }
            builder.build()
        });
        WasiCtxView { ctx, table: resources.table() }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: self.resources.table_for(MAX_FIELDS), hooks: &mut self.hooks }
    }
}
