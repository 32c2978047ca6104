//! The task that owns a shared instance and drives all exchanges in it.
//!
//! Each exchange checks its own time and frees its slot when the time is over: a guest that computes blocks its store,
//! and with it everything that could check the time there. This task checks only the time after the answers.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;
use wasmtime::component::Accessor;
use wasmtime_wasi_http::p3::Request;
use wasmtime_wasi_http::p3::bindings::Service;

use super::instance::{Instance, InstanceFactory, Instantiated};
use super::slots::{End, Slots, Work};
use super::trap;
use crate::scheduling::turns::poll_in_turns;
use crate::store::state::State;
use crate::wasi::p3::Call;

/// The task of one instance, before it starts.
pub(super) struct Worker {
    pub(super) factory: Arc<InstanceFactory>,
    pub(super) slots: Arc<Slots>,
    /// How long the instance may be without an exchange.
    pub(super) idle: Duration,
    pub(super) id: u64,
    pub(super) works: mpsc::UnboundedReceiver<Work>,
    pub(super) is_busy: Arc<AtomicBool>,
}

/// State that the code inside the store shares with the code outside.
#[derive(Default)]
struct Shared {
    under_way: Mutex<Vec<(Arc<Call>, End)>>,
    idleness: Mutex<Idleness>,
}

/// What an instance without exchanges does.
#[derive(Clone, Copy, Default, PartialEq)]
enum Idleness {
    #[default]
    None,
    /// The guest works on after its answers.
    Finishing,
    Idle,
}

impl Shared {
    /// Tells the exchange of a call that the call has ended.
    fn end(&self, ended: &Arc<Call>) {
        let mut under_way = lock(&self.under_way);
        if let Some(at) = under_way.iter().position(|(call, _)| Arc::ptr_eq(call, ended)) {
            let _ = under_way.swap_remove(at).1.send(Ok(()));
        }
    }
}

impl Worker {
    pub(super) async fn work(mut self) {
        let fault = match self.factory.instantiate(None).await {
            Err(fault) => fault,
            Ok(mut instance) => {
                let shared = Shared::default();
                match self.drive(&mut instance, &shared).await {
                    Ok(()) => return,
                    Err(error) => {
                        // Before the store is dropped, so that content that is cut off is recognized.
                        let under_way = std::mem::take(&mut *lock(&shared.under_way));
                        under_way.iter().for_each(|(call, _)| call.leave());
                        self.slots.shut(self.id);
                        let fault = trap::fault(error, instance.store.data_mut());
                        if under_way.len() > 1 {
                            warn!(app = %self.factory.app.name, "{} exchanges failed with this instance", under_way.len());
                        }
                        drop(instance);
                        for (_, ended) in under_way {
                            let _ = ended.send(Err(fault.clone()));
                        }
                        fault
                    }
                }
            }
        };
        self.slots.shut(self.id);
        while let Some(work) = self.works.recv().await {
            let _ = work.ended.send(Err(fault.clone())); // it was never started
        }
    }

    /// Drives the instance to its end. An error ends all exchanges in it.
    async fn drive(&mut self, instance: &mut Instance, shared: &Shared) -> wasmtime::Result<()> {
        let Instantiated::WasiHttp3(guest) = &instance.guest else { unreachable!("only such guests are shared") };
        let (id, idle, is_busy) = (self.id, self.idle, Arc::clone(&self.is_busy));
        let (app, slots) = (Arc::clone(&self.factory.app), Arc::clone(&self.slots));
        let blocking = app.grants.blocking_guests();
        let works = &mut self.works;
        let mut inside =
            pin!(instance.store.run_concurrent(async |accessor| serve(accessor, guest, works, shared).await));
        let mut idleness = Idleness::None;
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        poll_fn(|cx| {
            is_busy.store(true, Ordering::Relaxed);
            let mut poll = || poll_in_turns(cx, |cx| inside.as_mut().poll(cx));
            let polled = match &blocking {
                None => poll(),
                Some(blocking) => blocking.enter(poll),
            };
            is_busy.store(false, Ordering::Relaxed);
            if let Poll::Ready(ended) = polled {
                return Poll::Ready(ended.flatten());
            }
            let now = *lock(&shared.idleness);
            if now != idleness {
                idleness = now;
                let time = if idleness == Idleness::Idle { idle } else { app.limits.idle_timeout };
                timer.as_mut().reset(Instant::now() + time.min(FAR));
            }
            if idleness == Idleness::None {
                return Poll::Pending;
            }
            ready!(timer.as_mut().poll(cx));
            if !slots.remove_if_unused(id) {
                return Poll::Pending; // an exchange arrived at the last moment, and wakes this task
            }
            if idleness == Idleness::Finishing {
                warn!(app = %app.name, "the guest worked on after its answers for longer than its limit (idle-timeout), {:?}, and was ended",
                    app.limits.idle_timeout);
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

/// The code inside the store: starts calls until the queue is closed and all work is done.
async fn serve(
    accessor: &Accessor<State>,
    guest: &Service,
    works: &mut mpsc::UnboundedReceiver<Work>,
    shared: &Shared,
) -> wasmtime::Result<()> {
    let handler = *guest.wasi_http_handler().func_handle().func();
    // It polls only the calls that were woken, because this runs at each step of the guest.
    let mut calls = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            while let Poll::Ready(Some(ended)) = calls.poll_next_unpin(cx) {
                match ended {
                    Ok(call) => shared.end(&call),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            // A guest can refuse more calls for now. Then they wait in the queue.
            let work = match accessor.poll_ready_for_concurrent_call(handler, cx) {
                Poll::Ready(()) => works.poll_recv(cx),
                Poll::Pending => Poll::Pending,
            };
            let is_closed = match work {
                Poll::Ready(Some(Work { call, request, ended })) => {
                    accessor.with(|mut access| access.get().begin(None));
                    *lock(&shared.idleness) = Idleness::None;
                    lock(&shared.under_way).push((Arc::clone(&call), ended));
                    calls.push(run(accessor, guest, call, *request));
                    continue;
                }
                Poll::Ready(None) => true,
                Poll::Pending => false,
            };
            if !calls.is_empty() {
                return Poll::Pending;
            }
            let is_done = accessor.poll_no_interesting_tasks(cx).is_ready();
            if is_done && is_closed {
                return Poll::Ready(Ok(()));
            }
            *lock(&shared.idleness) = if is_done { Idleness::Idle } else { Idleness::Finishing };
            return Poll::Pending;
        }
    })
    .await
}

async fn run(
    accessor: &Accessor<State>,
    guest: &Service,
    call: Arc<Call>,
    request: Request,
) -> wasmtime::Result<Arc<Call>> {
    call.begin(accessor, guest, request).await?;
    poll_fn(|cx| call.poll_content(cx)).await;
    call.complete();
    Ok(call)
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock()
}

/// No instance lasts this long. Clocks have an end.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);
