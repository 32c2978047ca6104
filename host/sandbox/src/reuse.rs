//! Whether an instance answers more than one exchange. Never, by default: what one request leaves behind, in memory or
//! in a mind that was turned, the next one cannot find. A deployment that trusts its guest may trade that for speed.
//!
//! An instance that trapped, or whose exchange ran out of time or lost its client, is not used again: wasmtime cannot
//! cancel one call of an instance and leave the instance whole.

mod concurrent_pool;
mod idle_pool;
pub(crate) mod instance;
pub(crate) mod trap;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use windhover_contract::Fault;

use crate::component::guest::Guest;
use crate::exchange::Exchange;
use crate::reuse::instance::Instance;
use crate::{Deployed, SandboxLimits};
use concurrent_pool::ConcurrentPool;
use idle_pool::IdlePool;

/// How often an instance is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Each exchange has a fresh instance.
    #[default]
    Never,
    /// An instance answers one exchange after the other.
    Serial {
        /// Exchanges that an instance answers, 1 and more. Then a fresh one takes its place.
        max_requests: u32,
        /// How long an instance may rest between two exchanges before it is dropped. Zero: none ever rests.
        idle: Duration,
    },
    /// An instance answers several exchanges at once, while each waits for its client: for guests of wasi:http 0.3 that
    /// import nothing of windhover:http, where *the* exchange would be ambiguous. For others it is [`Reuse::Serial`].
    ///
    /// If the guest traps, every exchange that it is in at that moment fails with it. While one computes, the others in
    /// its instance wait.
    Concurrent {
        /// As for [`Reuse::Serial`].
        max_requests: u32,
        /// Exchanges that an instance answers at once, 1 and more.
        max_concurrent: u32,
        /// As for [`Reuse::Serial`].
        idle: Duration,
    },
}

impl Reuse {
    /// Exchanges that an instance answers unless told otherwise: as `wasmtime serve` for wasi:http 0.3.
    pub const DEFAULT_MAX_REQUESTS: u32 = 128;
    /// Exchanges that an instance answers at once unless told otherwise: as `wasmtime serve`.
    pub const DEFAULT_MAX_CONCURRENT: u32 = 16;
    /// How long an instance rests unless told otherwise: as `wasmtime serve`.
    pub const DEFAULT_IDLE: Duration = Duration::from_secs(1);

    /// One after the other, with the defaults.
    pub fn serial() -> Self {
        Self::Serial { max_requests: Self::DEFAULT_MAX_REQUESTS, idle: Self::DEFAULT_IDLE }
    }

    /// Several at once, with the defaults.
    pub fn concurrent() -> Self {
        Self::Concurrent {
            max_requests: Self::DEFAULT_MAX_REQUESTS,
            max_concurrent: Self::DEFAULT_MAX_CONCURRENT,
            idle: Self::DEFAULT_IDLE,
        }
    }
}

/// Where a deployment's exchanges find their instances.
pub(crate) enum Instances {
    Fresh,
    IdlePool(IdlePool),
    ConcurrentPool(ConcurrentPool),
}

impl Instances {
    pub(crate) fn new(app: &str, guest: &Guest, limits: &SandboxLimits) -> Self {
        match limits.reuse {
            Reuse::Never => Self::Fresh,
            Reuse::Serial { .. } | Reuse::Concurrent { .. } if guest.answers_once() => {
                warn!(
                    %app,
                    "the guest is not reused: its engine, StarlingMonkey with the fetch event, answers one request and no \
                     other; each has a fresh instance, as with reuse.mode = \"never\""
                );
                Self::Fresh
            }
            Reuse::Serial { max_requests, idle } => Self::IdlePool(IdlePool::new(max_requests, idle)),
            Reuse::Concurrent { max_requests, max_concurrent, idle } if guest.can_answer_concurrently() => {
                Self::ConcurrentPool(ConcurrentPool::new(max_requests, max_concurrent, idle, limits.max_instances))
            }
            Reuse::Concurrent { max_requests, idle, .. } => {
                info!(
                    %app,
                    "the guest is reused serially: several exchanges at once need wasi:http 0.3 and no import of \
                     windhover:http"
                );
                Self::IdlePool(IdlePool::new(max_requests, idle))
            }
        }
    }

    /// Answers an exchange and ends with it. Dropping the future cancels it.
    pub(crate) async fn answer(&self, deployed: &Arc<Deployed>, exchange: Box<Exchange>) -> Result<(), Fault> {
        match self {
            Self::Fresh => Instance::new(deployed, Some(exchange)).await?.answer().await,
            // Boxed: what a fresh instance needs is moved with every exchange, and should not have room for these.
            Self::IdlePool(idle_pool) => Box::pin(idle_pool.answer(deployed, exchange)).await,
            Self::ConcurrentPool(seats) => Box::pin(seats.answer(deployed, exchange)).await,
        }
    }

    /// Whether an instance may be in several exchanges at once.
    pub(crate) fn are_shared(&self) -> bool {
        matches!(self, Self::ConcurrentPool(_))
    }

    /// Drops what rests; nothing rests from now on.
    pub(crate) fn close(&self) {
        match self {
            Self::Fresh => {}
            Self::IdlePool(idle_pool) => idle_pool.close(),
            Self::ConcurrentPool(seats) => seats.close(),
        }
    }
}
