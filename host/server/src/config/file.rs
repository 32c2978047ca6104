//! `windhover.toml` as it is written. The documentation of these types is its manual, which `windhover config schema`
//! prints.
//!
//! Defaults are those of the rooms that the values are for. What values mean together is for [`super::meaning`].

mod app;
mod endpoint;
mod grants;
mod limits;
mod traces;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windhover_contract::Limits as HttpLimits;
use windhover_sandbox::EngineConfig;

pub use app::{App, AppLimits, Build, Outbound, Reuse, ReuseMode, WebSocket};
pub use endpoint::{Certificate, ClientCertificates, Endpoint, EndpointTls, Protocols, Version};
pub use grants::{Access, Folder, Grants, OutboundRule, Secret};
pub use limits::{Http2, Limits, Rate};
pub use traces::Traces;

use super::units::{OrNone, Size, Time};

/// The configuration of a Windhover server.
///
/// Relative paths start at the folder of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct File {
    /// The process as a whole.
    pub server: Server,
    /// The log, on standard error.
    pub log: Log,
    /// The limits of HTTP, for all endpoints.
    pub limits: Limits,
    /// Where to listen, by names of your choice. Without any: `http://127.0.0.1:8080`.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// What is served, by names of your choice: of letters, digits, `-` and `_`. Without any: a welcome page.
    pub apps: BTreeMap<String, App>,
    /// An endpoint for whoever looks after the server: `/metrics`, `/healthz`, `/readyz`. Absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// Where traces go. Absent: nothing is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Traces>,
}

/// The process as a whole. What is changed here needs a restart, except for `hosts`, `pre-stop-delay` and
/// `watch-interval`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Threads that serve requests. Absent: one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    /// Hosts that are answered: `example.org`, or `*.example.org` for all names below it. A request for any other is
    /// answered 400. Absent or empty: every host.
    pub hosts: Vec<String>,
    /// Folder where compiled apps are kept. Absent: windhover in the user's cache folder. `"none"`: they are not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Instances at work at once, of all apps together; one more is answered 503. It should be more than any one app may
    /// have (`apps.NAME.limits.max-instances`). Address space is reserved for all of them, memory is not.
    pub max_instances: NonZeroU32,
    /// Content that the host holds for all requests together, with messages of WebSockets that are sent or have come in
    /// part. Absent: a quarter of the memory that there is
    /// beyond 64 MiB, 16 MiB at least and 1 GiB at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_buffered: Option<Size>,
    /// Memory that all instances together may take beyond what each begins with. Absent: half of the memory that there
    /// is beyond 64 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grown_memory: Option<Size>,
    /// How long requests in flight may take when the server leaves, before they are broken off.
    pub drain_timeout: Time,
    /// How long a connection on which nothing happens stays open when the server leaves, counted from the moment at which
    /// `/readyz` says so: a request may be on its way, or its client a proxy that has not yet heard. At most half of
    /// `drain-timeout`; what is more counts as that.
    pub drain_idle_grace: Time,
    /// How long answers that have begun may go on when the server leaves: server-sent events, downloads, WebSockets. Then
    /// they are cut off, and the exit code is 0 all the same. `"none"`: for `drain-timeout`, and what is broken off
    /// then makes the exit code 1.
    pub drain_answer_timeout: OrNone<Time>,
    /// How long the server goes on serving when it is asked to leave, while `/readyz` says that it leaves and every
    /// answer that its connection closes: load balancers need that time.
    pub pre_stop_delay: Time,
    /// How often the configuration file and the files of apps are looked at for changes. `"0s"`: only on SIGHUP.
    pub watch_interval: Time,
}

impl Default for Server {
    fn default() -> Self {
        let engine = EngineConfig::default();
        Self {
            workers: None,
            hosts: Vec::new(),
            cache: None,
            max_instances: NonZeroU32::new(engine.max_instances).expect("the default is positive"),
            max_buffered: None,
            max_grown_memory: None,
            drain_timeout: Time(HttpLimits::default().drain_timeout),
            drain_idle_grace: Time(HttpLimits::default().drain_idle_grace),
            drain_answer_timeout: OrNone(HttpLimits::default().drain_answer_timeout.map(Time)),
            pre_stop_delay: Time(std::time::Duration::ZERO), // as everywhere: who needs it knows how long
            watch_interval: Time(std::time::Duration::from_secs(1)), // an editor's save is seen at once
        }
    }
}

/// The log, on standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Log {
    /// What is logged. Refused requests are at `debug`.
    pub level: Level,
    /// Which output of apps is logged, line by line with the request's id. Absent: all of it if `level` is `info` or says
    /// more, else none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestLog>,
    /// How a line is written.
    pub format: Format,
    /// Whether each request is logged when it has ended.
    pub access: bool,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Nothing.
    Off,
    /// What stops something.
    Error,
    /// And what is odd.
    Warn,
    /// And what happens.
    #[default]
    Info,
    /// And what clients do wrong.
    Debug,
    /// And what the libraries do.
    Trace,
}

/// Which output of apps is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestLog {
    /// None.
    Off,
    /// What they write to standard error.
    Stderr,
    /// And to standard output.
    All,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// An endpoint for whoever looks after the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// Where to listen, for example `http://127.0.0.1:9090`. It answers whoever reaches it.
    pub url: String,
}
