//! An app, as it is written.

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
    /// The app: a .wasm component, or its text (.wat). When the file changes, the new one takes its place.
    pub component: PathBuf,
    /// Components that stand before the app, the outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub middleware: Vec<PathBuf>,
    /// What leads to the app: `/shop` on every host, `shop.example.org/` or `*.example.org/shop`. The exact host comes
    /// before the longest wildcard, and that before every host; then the longest path. The app sees the path behind its
    /// route as the path, and the route's as the path base. No two apps may have the same.
    #[serde(default = "everything")]
    pub routes: Vec<String>,
    /// The limits of each of its requests.
    #[serde(default)]
    pub limits: AppLimits,
    /// Whether an instance answers more than one request.
    #[serde(default)]
    pub reuse: Reuse,
    /// What the app may reach beyond its requests. Absent: nothing.
    #[serde(default)]
    pub grants: Grants,
    /// How the component is made, for `windhover build` and `windhover dev`; a server has no use for it. Absent: by means
    /// of which Windhover knows nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// How a component is made.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Build {
    /// What the shell is told, one after the other, in the folder of this file; the first that fails is the last.
    /// `windhover` in them is the one that runs them.
    pub commands: Vec<String>,
    /// The files that it is made of, such as `src/**/*.rs`: `windhover dev` builds anew when one of them changes.
    #[serde(default)]
    pub watch: Vec<String>,
}

impl App {
    /// An app that is reached by every path of every host, all else as it is by default.
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
    /// Time that the app may take to the head of its answer, without what it waits for the content of a client that is
    /// as fast as `limits.min-request-data-rate` asks. Exceeding it is answered 504.
    pub timeout: Time,
    /// Most time that the app may ask for, where it takes longer to the head; a WebSocket has it at once, and so has an
    /// answer that its client may take as slowly as it likes.
    pub max_timeout: Time,
    /// How long the app may be silent once it has given the head: it writes nothing although its client takes what there
    /// is, or works on behind a whole answer. As long as it has asked for, if that is more. Exceeding it breaks the
    /// answer off.
    pub idle_timeout: Time,
    /// Time that the app may take for a whole answer, from its first instruction to its last byte, whatever it waits for.
    /// Exceeding it is answered 504, or breaks the answer off. Not for WebSockets.
    pub answer_timeout: OrNone<Time>,
    /// Processor time that a request may take; more where the app asks for more time, and as much more. Exceeding it
    /// is answered 504. Not counted where requests share an instance (`reuse.mode = "concurrent"`).
    pub max_cpu_time: Time,
    /// Time that the app has left when its client has left.
    pub last_words: Time,
    /// Memory that a request's instance may use.
    pub max_memory: Size,
    /// Instances of this app at work at once; more requests wait. A WebSocket has one for as long as it is open. Absent:
    /// half of `server.max-instances`, so that an app that has all of its own leaves as many to others.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instances: Option<NonZeroUsize>,
    /// Memory that Windhover may hold for an instance's resources: streams, timers, fields, open files, whatever the app
    /// has a handle of. Each counts as 128 bytes and what it holds, an open file as 128 KiB. One more ends the request
    /// as a trap.
    pub max_resource_memory: Size,
    /// Requests that may wait for an instance; one more is answered 503.
    pub max_queue: usize,
    /// How long a request waits for an instance before it is answered 503.
    pub queue_timeout: Time,
    /// So many traps within a minute, and the app is left alone for a second, then for twice as long each time that it
    /// traps again, up to a minute; its requests are answered 503 meanwhile. 0, the default, is never: where each
    /// request has a fresh instance a trap costs little, and a client that knows what makes the app trap could shut it
    /// for all others.
    pub rapid_fail: usize,
    /// Calls at once that may block for long, of all requests of the app together: on files, and look-ups of the names of
    /// other servers. More wait, and hold up no other app.
    pub max_blocking_calls: NonZeroUsize,
    /// What a request may write to standard output and error together; the rest is dropped.
    pub max_log: Size,
    /// WebSockets.
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
    /// How long a client may be silent before it gets a ping, and after that before it is taken for lost.
    pub keep_alive: Time,
}

/// The limits of requests to other servers.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Outbound {
    /// Time that connecting may take: finding the addresses of the name, TCP and TLS.
    pub connect_timeout: Time,
    /// Time until the head of the answer is here, with connecting. Less than the app's own `timeout`, the app hears of
    /// it and can answer.
    pub first_byte_timeout: Time,
    /// Time between two pieces of an answer.
    pub between_bytes_timeout: Time,
    /// Requests under way at once for one request of a client; more wait.
    pub max_in_flight: NonZeroU32,
    /// Requests that may wait for others of the same request; one more fails.
    pub max_queue: usize,
    /// How long one waits for others before it fails.
    pub queue_timeout: Time,
    /// Most fields of an answer: 1 to 10,000. More fail.
    pub max_response_fields: NonZeroU32,
    /// Largest head of an answer; at least 8 KiB. A larger one fails.
    pub max_response_fields_size: Size,
    /// Connections to one host that are kept for later.
    pub max_idle: usize,
    /// How long they are kept.
    pub idle_timeout: Time,
}

/// Whether an instance answers more than one request.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reuse {
    /// How.
    pub mode: ReuseMode,
    /// Requests that an instance answers before a fresh one takes its place.
    pub max_requests: NonZeroU32,
    /// Requests that an instance answers at once, with `mode = "concurrent"`.
    pub max_concurrent: NonZeroU32,
    /// Time after which an instance without requests is dropped.
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
    /// As the sandbox takes them.
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
    /// As the sandbox takes them, on a server that has so many instances for all apps.
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
