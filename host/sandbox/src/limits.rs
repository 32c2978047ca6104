//! The limits of an app's exchanges, with defaults. The files that enforce a limit refer to it by name.

pub(crate) mod memory;

use std::num::NonZeroUsize;
use std::time::Duration;

/// The limits of one app. Each applies to one exchange, except for `max_instances` and `max_queue`. If an instance is
/// reused, its memory counts over all of its exchanges.
#[derive(Clone, Debug)]
pub struct SandboxLimits {
    /// Wall time from the first instruction of the guest to the head of its answer. Exceeding it answers 504. Waiting
    /// for the content of a client that keeps [`windhover_contract::Limits::min_request_data_rate`] does not count;
    /// without such a rate, it counts.
    pub timeout: Duration,
    /// The maximum to which a guest may set `timeout` for its own exchange (`limits.set-timeout`). It is also the
    /// maximum for an exchange without a minimum data rate: after an upgrade, or if the client may take the answer as
    /// slowly as it likes. A value below `timeout` counts as `timeout`.
    pub max_timeout: Duration,
    /// How long a guest may be silent after its head: the server asks for content and there is none, or the answer is
    /// complete and the guest works on. Waiting for the client does not count; data rates limit that. A guest that has
    /// asked for a longer `timeout` may be silent for as long. Exceeding it resets the answer.
    pub idle_timeout: Duration,
    /// Wall time from the first instruction of the guest to the last byte that it produces, including all waits.
    /// Exceeding it answers 504, or resets the answer if it has begun. Does not apply after an upgrade. `None`: no
    /// limit.
    pub answer_timeout: Option<Duration>,
    /// How long a guest may go on after it was told that its client has disconnected, to clean up. A server also has
    /// this time to end an exchange that its guest has aborted.
    pub last_words: Duration,
    /// Bytes of linear memory, of all memories and tables of the instance together. A guest that asks for more is
    /// refused, which most languages turn into a trap. Each memory has at most
    /// [`crate::EngineConfig::max_memory_size`].
    pub max_memory: usize,
    /// Bytes that the host may hold for the resources of an instance: streams, fields, pollables, open files, and
    /// everything else that the guest has a handle of. Each counts as 128 bytes plus its content, an open file as 128
    /// KiB. Exceeding it ends the guest with a trap. Memory beyond 1 MiB an instance also counts towards
    /// [`crate::EngineConfig::max_grown_memory`].
    pub max_resource_memory: usize,
    /// Instances in use at once; also exchanges at once, if they share instances. All apps together have at most
    /// [`crate::EngineConfig::max_instances`], and one app should have a part of that: clients that hold all instances
    /// of an app, as WebSockets do for hours, must leave some to other apps.
    pub max_instances: usize,
    /// Exchanges that may wait for an instance. One more is answered 503 with Retry-After at once.
    pub max_queue: usize,
    /// How long an exchange waits for an instance. After that it is answered 503 with Retry-After.
    pub queue_timeout: Duration,
    /// Bytes that a guest may write to standard output and standard error together in one exchange. The rest is
    /// dropped, and the log says so once.
    pub max_log: usize,
    /// CPU time of the guest within `timeout`; a guest that has set a longer timeout gets proportionally more. Waiting
    /// does not count. Steps of less than 10 ms seldom count: the ticker of the process adds time when it finds a guest
    /// at work. Exceeding it answers 504, or resets the answer. Does not apply if exchanges share an instance, because
    /// the work belongs to no single exchange there.
    pub max_cpu_time: Duration,
    /// Traps within a minute after which the app is paused for a second. Each further trap doubles the pause, up to a
    /// minute. Requests are answered 503 with Retry-After meanwhile. Zero, the default: never. A trap costs little with
    /// fresh instances, and a client that can cause traps could take the app out of service for everybody.
    pub rapid_fail: usize,
    /// Blocking calls at once, of all exchanges of the app together: file access and name lookups. Each call takes a
    /// thread of the app's own. Further calls wait within the time of their exchanges, and do not delay other apps.
    pub max_blocking_calls: NonZeroUsize,
    /// Whether an instance answers more than one exchange.
    pub reuse: Reuse,
    /// WebSockets.
    pub websocket: WebSocketLimits,
}

/// The limits of each WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketLimits {
    /// Bytes of a message from a client, all of its frames together. A larger one closes the connection with 1009.
    pub max_message: usize,
    /// How long a client may be silent before it gets a ping, and how long after that before its connection counts as
    /// lost.
    pub keep_alive: Duration,
}

impl Default for WebSocketLimits {
    fn default() -> Self {
        Self {
            max_message: 1 << 20,                // as the `websockets` package of Python
            keep_alive: Duration::from_secs(30), // shorter than the idle timeouts of proxies: nginx has 60 s
        }
    }
}

impl Default for SandboxLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30), // as most gateways' read timeouts: nobody waits longer
            max_timeout: Duration::from_secs(3600), // event streams and WebSockets reconnect
            idle_timeout: Duration::from_secs(60), // as nginx' proxy_read_timeout: a proxy before us would cut it then
            answer_timeout: None,             // clients that send or read slowly have limits of their own
            last_words: Duration::from_secs(5), // as long as Kestrel drains a body
            max_memory: 128 << 20,            // as the isolates of the large edge platforms
            max_resource_memory: 128 << 20,   // a million small ones, as wasmtime's own limit
            max_instances: 1000,              // as wasmtime's pool and its `serve`
            max_queue: 1000,                  // as HTTP.sys' RequestQueueLimit
            queue_timeout: Duration::from_secs(10), // a browser's user has gone by then
            max_log: 64 << 10,                // a thousand lines: enough to debug, too little to fill a disk with
            max_cpu_time: Duration::from_secs(10), // a third of the wall time: a core is for all
            rapid_fail: 0,
            max_blocking_calls: const { NonZeroUsize::new(64).unwrap() }, // more than a disk or a name server does at once
            reuse: Reuse::Never, // what one request leaves behind, the next one cannot find
            websocket: WebSocketLimits::default(),
        }
    }
}

/// How often an instance is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reuse {
    /// Each exchange has a fresh instance.
    #[default]
    Never,
    /// An instance answers one exchange after the other.
    Serial {
        /// Exchanges that an instance answers, 1 and more. After that, a fresh instance takes its place.
        max_requests: u32,
        /// How long an instance may be idle between two exchanges before it is dropped. Zero: it is dropped at once.
        idle: Duration,
    },
    /// An instance answers several exchanges at once, while each waits for its client. Only for guests of wasi:http 0.3
    /// that import nothing of windhover:http, because *the* exchange would be ambiguous there. Other guests are reused
    /// as by [`Reuse::Serial`].
    ///
    /// If the guest traps, all exchanges in that instance fail. While one exchange computes, the others in its instance
    /// wait.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineConfig;

    #[test]
    fn one_app_leaves_as_many_instances_to_others_as_it_may_have() {
        let (own, all) = (SandboxLimits::default().max_instances, EngineConfig::default().max_instances as usize);
        assert!(all >= 2 * own, "{own} of {all}");
    }
}
