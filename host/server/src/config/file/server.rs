//! `[server]`: the process as a whole.

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use windhover_contract::Limits as HttpLimits;
use windhover_sandbox::EngineConfig;

use crate::config::units::{OrNone, Size, Time};

/// The process as a whole. Changes need a restart, except for `hosts`, `pre-stop-delay` and `watch-interval`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Server {
    /// Threads that serve requests. Absent: one per core.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workers: Option<NonZeroUsize>,
    /// Hosts that the server answers to: `example.org`, or `*.example.org` for all names below it. A request for any
    /// other gets a 400. Absent or empty: every host.
    pub hosts: Vec<String>,
    /// Folder for compiled apps. Absent: windhover in the user's cache folder. `"none"`: they are not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache: Option<PathBuf>,
    /// Instances that work at the same time, of all apps; one more request gets a 503. It should be more than any one
    /// app may have (`apps.NAME.limits.max-instances`). Address space is reserved for all of them, memory is not.
    pub max_instances: NonZeroU32,
    /// Content that the host holds for all requests together, including WebSocket messages that are being sent or
    /// received. Absent: a quarter of the memory beyond 64 MiB, at least 16 MiB and at most 1 GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_buffered: Option<Size>,
    /// Memory that all instances together may take beyond what each begins with. Absent: half of the memory beyond 64
    /// MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_grown_memory: Option<Size>,
    /// At shutdown: how long requests in flight may take before they are aborted.
    pub drain_timeout: Time,
    /// At shutdown: how long an idle connection stays open after `/readyz` has turned to 503, because a request may be
    /// on its way, or the client is a proxy that has not noticed yet. At most half of `drain-timeout`.
    pub drain_idle_grace: Time,
    /// At shutdown: how long responses that have begun may go on (server-sent events, downloads, WebSockets) before
    /// they are cut off; the exit code is still 0. `"none"`: they may go on for `drain-timeout`, and what is cut off
    /// then makes the exit code 1.
    pub drain_answer_timeout: OrNone<Time>,
    /// At shutdown: how long the server goes on serving while `/readyz` answers 503 and every response closes its
    /// connection, so that load balancers can react.
    pub pre_stop_delay: Time,
    /// How often the configuration file and the files of apps are checked for changes. `"0s"`: only on SIGHUP.
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
            pre_stop_delay: Time(std::time::Duration::ZERO), // no load balancer needs it by default
            watch_interval: Time(std::time::Duration::from_secs(1)), // a saved file is loaded within two seconds
        }
    }
}

/// The value of [`Server::cache`] that turns the cache off.
pub const NO_CACHE: &str = "none";
