//! `[apps.NAME]`: an app.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windhover_sandbox::{OutboundLimits, Reuse as SandboxReuse, SandboxLimits, WebSocketLimits};

use super::Grants;
use crate::config::units::{OrNone, Size, Time};

/// What is served, and what it may do.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct App {
    /// The app: a .wasm component, or its text (.wat). When the file changes, the server loads the new version and
    /// switches over.
    pub component: PathBuf,
    /// Components that stand before the app, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub middleware: Vec<PathBuf>,
    /// The routes of the app: `/shop` on every host, `shop.example.org/` or `*.example.org/shop`. An exact host wins
    /// over the longest wildcard, which wins over every host; then the longest path wins. The app sees the rest of the
    /// path as the path, and the route's path as the path base. No two apps may have the same route.
    #[serde(default = "everything")]
    pub routes: Vec<String>,
    /// The limits of each request.
    #[serde(default)]
    pub limits: AppLimits,
    /// Whether an instance answers more than one request.
    #[serde(default)]
    pub reuse: Reuse,
    /// What the app may access beyond its requests. Absent: nothing.
    #[serde(default)]
    pub grants: Grants,
    /// How `windhover build` and `windhover dev` build the component. The server ignores it. Absent: they cannot build
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// How a component is built.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Build {
    /// Commands for the shell, run one after the other in the folder of this file, until one fails. `windhover` in them
    /// is the program that runs them.
    pub commands: Vec<String>,
    /// The source files, such as `src/**/*.rs`: `windhover dev` builds again when one of them changes.
    #[serde(default)]
    pub watch: Vec<String>,
}

impl App {
    /// An app for every path of every host, with defaults for all else.
    pub fn new(component: PathBuf) -> Self {
        Self {
            component,
            middleware: Vec::new(),
            routes: everything(),
            limits: AppLimits::default(),
            reuse: Reuse::default(),
            grants: Grants::default(),
            build: None,
        }
    }
}

fn everything() -> Vec<String> {
    vec!["/".to_owned()]
}

/// The limits of an app.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct AppLimits {
    /// Time to the head of the response. Waiting for the client's content does not count while the client sends as fast
    /// as `limits.min-request-data-rate`. Beyond it the client gets a 504.
    pub timeout: Time,
    /// The longest time that the app may ask for. It applies at once to WebSockets, and to responses whose client may
    /// take them as slowly as it likes.
    pub max_timeout: Time,
    /// After the head: how long the app may send nothing although its client takes everything, or go on working after a
    /// complete response. If the app has asked for more time, that counts. Beyond it the response breaks off.
    pub idle_timeout: Time,
    /// Time for the whole response, from the app's first instruction to the last byte, including every wait. Beyond it
    /// the client gets a 504, or the response breaks off. WebSockets are exempt.
    pub answer_timeout: OrNone<Time>,
    /// Processor time for a request. If the app asks for more time, it grows in proportion. Beyond it the client gets a
    /// 504. It does not apply where requests share an instance (`reuse.mode = "concurrent"`).
    pub max_cpu_time: Time,
    /// Time that the app has to clean up after its client has left.
    pub last_words: Time,
    /// Memory of an instance.
    pub max_memory: Size,
    /// Instances of this app that work at the same time; further requests wait. An open WebSocket occupies one. Absent:
    /// half of `server.max-instances`, so that a busy app leaves as many to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instances: Option<NonZeroUsize>,
    /// Memory that Windhover may hold for the resources of an instance: streams, timers, fields, open files, everything
    /// that the app has a handle of. Each counts as 128 bytes plus its content, an open file as 128 KiB. Beyond it the
    /// request ends as a trap.
    pub max_resource_memory: Size,
    /// Requests that may wait for an instance; one more gets a 503.
    pub max_queue: usize,
    /// How long a request waits for an instance before it gets a 503.
    pub queue_timeout: Time,
    /// After this number of traps within a minute the app is paused for a second, then twice as long after each further
    /// trap, up to a minute; its requests get a 503. 0: never, because a trap of a fresh instance costs little, and a
    /// client that can cause traps could otherwise take the app out of service for everybody.
    pub rapid_fail: usize,
    /// Blocking calls at the same time, over all requests of the app: on files, and DNS lookups. Further calls wait,
    /// and do not delay other apps.
    pub max_blocking_calls: NonZeroUsize,
    /// Output of a request to standard output and standard error together; the rest is dropped.
    pub max_log: Size,
    /// Limits of WebSockets.
    pub websocket: WebSocket,
    /// Requests to other servers.
    pub outbound: Outbound,
}

/// The limits of each WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebSocket {
    /// Largest message that a client may send.
    pub max_message: Size,
    /// How long a client may be silent before it gets a ping, and how long it may take to answer that.
    pub keep_alive: Time,
}

/// The limits of requests to other servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outbound {
    /// Time to connect: DNS, TCP and TLS.
    pub connect_timeout: Time,
    /// Time to the head of the response, including the connection. If it is less than the app's own `timeout`, the app
    /// gets the error and can answer.
    pub first_byte_timeout: Time,
    /// Time between two pieces of a response.
    pub between_bytes_timeout: Time,
    /// Outbound requests at the same time for one request of a client; further ones wait.
    pub max_in_flight: NonZeroU32,
    /// Outbound requests that may wait within one request; one more fails.
    pub max_queue: usize,
    /// How long an outbound request waits before it fails.
    pub queue_timeout: Time,
    /// Most fields of a response: 1 to 10,000. A response with more fails.
    pub max_response_fields: NonZeroU32,
    /// Largest head of a response; at least 8 KiB. A larger one fails.
    pub max_response_fields_size: Size,
    /// Idle connections to one host that are kept.
    pub max_idle: usize,
    /// How long idle connections are kept.
    pub idle_timeout: Time,
}

/// Whether an instance answers more than one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reuse {
    /// How instances are reused.
    pub mode: ReuseMode,
    /// Requests that an instance answers before a fresh one replaces it.
    pub max_requests: NonZeroU32,
    /// Requests that an instance answers at the same time, with `mode = "concurrent"`.
    pub max_concurrent: NonZeroU32,
    /// How long an idle instance is kept.
    pub idle: Time,
}

/// How instances are reused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReuseMode {
    /// Each request has a fresh instance
    #[default]
    Never,
    /// One request after the other
    Serial,
    /// Several requests at once (wasi:http 0.3); serial for apps that cannot do that
    Concurrent,
}

impl Default for AppLimits {
    fn default() -> Self {
        let own = SandboxLimits::default();
        Self {
            timeout: Time(own.timeout),
            max_timeout: Time(own.max_timeout),
            idle_timeout: Time(own.idle_timeout),
            answer_timeout: OrNone(own.answer_timeout.map(Time)),
            max_cpu_time: Time(own.max_cpu_time),
            last_words: Time(own.last_words),
            max_memory: Size(own.max_memory as u64),
            max_instances: None,
            max_resource_memory: Size(own.max_resource_memory as u64),
            max_queue: own.max_queue,
            queue_timeout: Time(own.queue_timeout),
            rapid_fail: own.rapid_fail,
            max_blocking_calls: own.max_blocking_calls,
            max_log: Size(own.max_log as u64),
            websocket: WebSocket::default(),
            outbound: Outbound::default(),
        }
    }
}

impl Default for Outbound {
    fn default() -> Self {
        let own = OutboundLimits::default();
        let count =
            |count: usize| u32::try_from(count).ok().and_then(NonZeroU32::new).expect("the default is in its range");
        Self {
            connect_timeout: Time(own.connect_timeout),
            first_byte_timeout: Time(own.first_byte_timeout),
            between_bytes_timeout: Time(own.between_bytes_timeout),
            max_in_flight: count(own.max_in_flight),
            max_queue: own.max_queue,
            queue_timeout: Time(own.queue_timeout),
            max_response_fields: count(own.max_response_fields),
            max_response_fields_size: Size(own.max_response_fields_size as u64),
            max_idle: own.max_idle,
            idle_timeout: Time(own.idle_timeout),
        }
    }
}

impl Outbound {
    /// In the sandbox's type.
    pub(crate) fn to_sandbox(&self) -> OutboundLimits {
        OutboundLimits {
            connect_timeout: self.connect_timeout.0,
            first_byte_timeout: self.first_byte_timeout.0,
            between_bytes_timeout: self.between_bytes_timeout.0,
            max_in_flight: self.max_in_flight.get() as usize,
            max_queue: self.max_queue,
            queue_timeout: self.queue_timeout.0,
            max_response_fields: self.max_response_fields.get() as usize,
            max_response_fields_size: self.max_response_fields_size.as_usize(),
            max_idle: self.max_idle,
            idle_timeout: self.idle_timeout.0,
        }
    }
}

impl Default for WebSocket {
    fn default() -> Self {
        let own = WebSocketLimits::default();
        Self { max_message: Size(own.max_message as u64), keep_alive: Time(own.keep_alive) }
    }
}

impl Default for Reuse {
    fn default() -> Self {
        Self {
            mode: ReuseMode::default(),
            max_requests: NonZeroU32::new(SandboxReuse::DEFAULT_MAX_REQUESTS).expect("the default is positive"),
            max_concurrent: NonZeroU32::new(SandboxReuse::DEFAULT_MAX_CONCURRENT).expect("the default is positive"),
            idle: Time(SandboxReuse::DEFAULT_IDLE),
        }
    }
}

impl App {
    /// In the sandbox's type, on a server that has so many instances for all apps.
    pub fn to_sandbox(&self, all_instances: NonZeroU32) -> SandboxLimits {
        let limits = &self.limits;
        let share = (all_instances.get() as usize / 2).max(1);
        SandboxLimits {
            timeout: limits.timeout.0,
            max_timeout: limits.max_timeout.0,
            idle_timeout: limits.idle_timeout.0,
            answer_timeout: limits.answer_timeout.0.map(|time| time.0),
            max_cpu_time: limits.max_cpu_time.0,
            last_words: limits.last_words.0,
            max_memory: limits.max_memory.as_usize(),
            max_instances: limits.max_instances.map_or(share, NonZeroUsize::get),
            max_resource_memory: limits.max_resource_memory.as_usize(),
            max_queue: limits.max_queue,
            queue_timeout: limits.queue_timeout.0,
            rapid_fail: limits.rapid_fail,
            max_blocking_calls: limits.max_blocking_calls,
            max_log: limits.max_log.as_usize(),
            reuse: self.reuse.to_sandbox(),
            websocket: WebSocketLimits {
                max_message: limits.websocket.max_message.as_usize(),
                keep_alive: limits.websocket.keep_alive.0,
            },
        }
    }
}

impl Reuse {
    fn to_sandbox(&self) -> SandboxReuse {
        let (max_requests, idle) = (self.max_requests.get(), self.idle.0);
        match self.mode {
            ReuseMode::Never => SandboxReuse::Never,
            ReuseMode::Serial => SandboxReuse::Serial { max_requests, idle },
            ReuseMode::Concurrent => {
                SandboxReuse::Concurrent { max_requests, max_concurrent: self.max_concurrent.get(), idle }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use windhover_sandbox::EngineConfig;

    use super::*;

    #[test]
    fn each_limit_is_the_sandboxes() {
        let written = r#"
            component = "a.wasm"
            [limits]
            timeout = "1s"
            max-timeout = "2m"
            idle-timeout = "22s"
            answer-timeout = "1h"
            last-words = "3s"
            max-cpu-time = "20s"
            rapid-fail = 21
            max-blocking-calls = 22
            max-memory = "4MiB"
            max-resource-memory = "22MiB"
            max-instances = 5
            max-queue = 6
            queue-timeout = "7s"
            max-log = "8KiB"
            websocket = { max-message = "9KiB", keep-alive = "10s" }
            [limits.outbound]
            connect-timeout = "11s"
            first-byte-timeout = "12s"
            between-bytes-timeout = "13s"
            max-in-flight = 14
            max-queue = 23
            queue-timeout = "24s"
            max-response-fields = 25
            max-response-fields-size = "26KiB"
            max-idle = 15
            idle-timeout = "16s"
            [reuse]
            mode = "concurrent"
            max-requests = 17
            max-concurrent = 18
            idle = "19s"
        "#;
        let app: App = toml::from_str(written).expect("it is well formed");
        let (limits, seconds) = (app.to_sandbox(NonZeroU32::MIN), Duration::from_secs);
        assert_eq!((limits.timeout, limits.max_timeout, limits.last_words), (seconds(1), seconds(120), seconds(3)));
        assert_eq!((limits.idle_timeout, limits.answer_timeout), (seconds(22), Some(seconds(3600))));
        assert_eq!((limits.max_memory, limits.max_instances, limits.max_queue), (4 << 20, 5, 6));
        assert_eq!((limits.max_cpu_time, limits.rapid_fail), (seconds(20), 21));
        assert_eq!(limits.max_blocking_calls.get(), 22);
        assert_eq!(limits.max_resource_memory, 22 << 20);
        assert_eq!((limits.queue_timeout, limits.max_log), (seconds(7), 8 << 10));
        assert_eq!((limits.websocket.max_message, limits.websocket.keep_alive), (9 << 10, seconds(10)));
        let reuse = SandboxReuse::Concurrent { max_requests: 17, max_concurrent: 18, idle: seconds(19) };
        assert_eq!(limits.reuse, reuse);
        let outbound = OutboundLimits {
            connect_timeout: seconds(11),
            first_byte_timeout: seconds(12),
            between_bytes_timeout: seconds(13),
            max_in_flight: 14,
            max_queue: 23,
            queue_timeout: seconds(24),
            max_response_fields: 25,
            max_response_fields_size: 26 << 10,
            max_idle: 15,
            idle_timeout: seconds(16),
        };
        assert_eq!(app.limits.outbound.to_sandbox(), outbound);
    }

    #[test]
    fn what_is_not_written_is_as_the_sandbox_has_it() {
        let (app, own) = (App::new("a.wasm".into()), SandboxLimits::default());
        let all = NonZeroU32::new(EngineConfig::default().max_instances).expect("the default is positive");
        assert_eq!(format!("{:?}", app.to_sandbox(all)), format!("{own:?}"));
        assert_eq!(app.limits.outbound.to_sandbox(), OutboundLimits::default());
    }

    #[test]
    fn an_app_has_half_of_all_instances_unless_it_says_otherwise() {
        let mut app = App::new("a.wasm".into());
        for (all, expected) in [(1, 1), (2, 1), (5, 2), (100, 50)] {
            let all = NonZeroU32::new(all).expect("it is positive");
            assert_eq!(app.to_sandbox(all).max_instances, expected, "of {all}");
        }
        app.limits.max_instances = NonZeroUsize::new(7);
        assert_eq!(app.to_sandbox(NonZeroU32::MIN).max_instances, 7);
    }
}
