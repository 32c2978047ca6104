//! The limits of an app's exchanges, with defaults. The files that enforce a limit refer to it by name.

pub(crate) mod memory;

use std::num::NonZeroUsize;
use std::time::Duration;

/// The limits of one deployment. Each applies to one exchange, except for `max_instances` and `max_queue`; where an
/// instance is reused, what it holds counts over all of its exchanges.
#[derive(Clone, Debug)]
pub struct SandboxLimits {
    /// Wall time from the first instruction of the guest to the head of its answer. Exceeding it answers 504. Waiting for
    /// the content of a client that keeps [`windhover_contract::Limits::min_request_data_rate`] is not counted; where
    /// there is no such rate, it is.
    pub timeout: Duration,
    /// The most that a guest may make of `timeout` for its own exchange (`limits.set-timeout`), and how long an exchange
    /// may take in all for which no least rate holds: after an upgrade, and where a client may take the answer as slowly
    /// as it likes. If it is less than `timeout`, that.
    pub max_timeout: Duration,
    /// How long a guest may be silent after its head: the server asks for content and there is none, or the answer is
    /// whole and the guest works on. Waiting for the client, whose data rates are limited apart, is not counted. A guest
    /// that has asked for a longer `timeout` may be silent for as long as that. Exceeding it resets what was begun.
    pub idle_timeout: Duration,
    /// Wall time from the first instruction of the guest to the last byte it produces, whatever it waits for. Exceeding
    /// it answers 504, or resets what was begun. Not applied after an upgrade. `None`: an answer may take as long as it
    /// goes on.
    pub answer_timeout: Option<Duration>,
    /// What a guest that was told of its client's leaving has left to put away what it has begun. A server has as long
    /// to break an exchange off that the guest has broken off.
    pub last_words: Duration,
    /// Bytes of linear memory, all memories of the instance together, and of its tables. A guest that asks for more is refused, which
    /// most languages turn into a trap. At most [`crate::EngineConfig::max_memory_size`] for each memory.
    pub max_memory: usize,
    /// Bytes that the host may hold for the resources of an instance: streams, fields, pollables, open files, whatever
    /// the guest has a handle of. Each counts as 128 bytes and what it holds, an open file as 128 KiB. One more ends the
    /// guest with a trap. What all instances hold beyond 1 MiB each counts towards
    /// [`crate::EngineConfig::max_grown_memory`].
    pub max_resource_memory: usize,
    /// Instances at work at once, and exchanges, where they share instances; at most
    /// [`crate::EngineConfig::max_instances`] for all deployments together, of which this should be a part: a deployment
    /// whose clients hold all of its instances, as WebSockets do for hours, must leave some to others.
    pub max_instances: usize,
    /// Exchanges that may wait for an instance. One more is answered 503 with Retry-After at once.
    pub max_queue: usize,
    /// How long an exchange waits for an instance before it is answered 503 with Retry-After.
    pub queue_timeout: Duration,
    /// Bytes a guest may write to standard output and error together in one exchange. The rest is dropped, which the
    /// log says once.
    pub max_log: usize,
    /// Processor time of the guest, where it has `timeout`; where it has asked for more, as much more. What it waits is not
    /// counted, nor what it does in less than 10 ms, except now and then: the clock of the process counts for it each
    /// time that it finds it at work. Exceeding it answers 504, or resets what was begun. Not where exchanges share an
    /// instance: there nobody knows whose work it was.
    pub max_cpu_time: Duration,
    /// So many traps within a minute, and the guest is left alone for a second, then for twice as long each time that
    /// it traps again, up to a minute; requests are answered 503 with Retry-After meanwhile. Zero: it never is, which
    /// is the default, because a trap costs little where each exchange has a fresh instance, and a client who knows
    /// what makes the guest trap could shut it for all others.
    pub rapid_fail: usize,
    /// Calls at once that may block for long, of all exchanges of the deployment together: on files, and look-ups of the
    /// names of other servers. Each takes a thread of the deployment's own while it lasts; more wait, within their
    /// exchanges' time, and hold up no other deployment.
    pub max_blocking_calls: NonZeroUsize,
    /// Whether an instance answers more than one exchange.
    pub reuse: Reuse,
    /// WebSockets.
    pub websocket: WebSocketLimits,
}

/// The limits of each WebSocket.
#[derive(Clone, Debug)]
pub struct WebSocketLimits {
    /// Bytes of a message that a client may send, all of its frames together. A larger one closes with 1009.
    pub max_message: usize,
    /// How long a client may be silent before it gets a ping, and after that before it is taken for lost.
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
            answer_timeout: None,             // who sends and who takes have limits of their own
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EngineConfig;

    #[test]
    fn one_deployment_leaves_as_many_instances_to_others_as_it_may_have() {
        let (own, all) = (SandboxLimits::default().max_instances, EngineConfig::default().max_instances as usize);
        assert!(all >= 2 * own, "{own} of {all}");
    }
}
