//! Decides whether an instance answers more than one exchange. By default it does not, so no request finds anything
//! that an earlier one left behind. An app that trusts its guest may trade that for speed.
//!
//! An instance that trapped, ran out of time or lost its client is not used again: wasmtime cannot cancel one call of
//! an instance and keep the instance usable.

mod concurrent_pool;
mod idle_pool;
pub(crate) mod instance;
mod slots;
pub(crate) mod trap;
mod worker;

use std::sync::Arc;

use tracing::{info, warn};
use windhover_contract::Fault;

use crate::component::guest::Guest;
use crate::exchange::Exchange;
use crate::limits::{Reuse, SandboxLimits};
use crate::reuse::instance::InstanceFactory;
use concurrent_pool::ConcurrentPool;
use idle_pool::IdlePool;

/// The instances of an app.
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
                    "the guest is not reused, because its engine (StarlingMonkey with the fetch event) answers only once; \
                     each request has a fresh instance, as with reuse.mode = \"never\""
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
                    "the guest is reused serially, because an instance can answer several exchanges at once only with \
                     wasi:http 0.3 and without imports of windhover:http"
                );
                Self::IdlePool(IdlePool::new(max_requests, idle))
            }
        }
    }

    /// Answers an exchange. Dropping the future cancels it.
    pub(crate) async fn answer(&self, factory: &Arc<InstanceFactory>, exchange: Box<Exchange>) -> Result<(), Fault> {
        match self {
            Self::Fresh => factory.instantiate(Some(exchange)).await?.answer().await,
            // Boxed, so that the future for a fresh instance, which is moved with every exchange, stays small.
            Self::IdlePool(pool) => Box::pin(pool.answer(factory, exchange)).await,
            Self::ConcurrentPool(pool) => Box::pin(pool.answer(factory, exchange)).await,
        }
    }

    /// Whether several exchanges may share an instance.
    pub(crate) fn are_shared(&self) -> bool {
        matches!(self, Self::ConcurrentPool(_))
    }

    /// Drops idle instances. From now on none becomes idle.
    pub(crate) fn close(&self) {
        match self {
            Self::Fresh => {}
            Self::IdlePool(pool) => pool.close(),
            Self::ConcurrentPool(pool) => pool.close(),
        }
    }
}
