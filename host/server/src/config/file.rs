//! The keys of `windhover.toml`. The documentation of these types is its reference: `windhover config schema` prints it.
//!
//! Defaults come from the crates that use the values. `super::validate` checks the values against each other.

mod app;
mod endpoint;
mod grants;
mod limits;
mod log;
mod proxy;
mod server;
mod traces;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use app::{App, AppLimits, Build, Outbound, Reuse, ReuseMode, WebSocket};
pub use endpoint::{Certificate, ClientCertificates, Endpoint, EndpointTls, Protocols, Version};
pub use grants::{Access, Folder, Grants, OutboundRule, Secret};
pub use limits::{Http2, Limits, Rate};
pub use log::{Format, GuestLog, Level, Log};
pub use proxy::{ForwardedFields, Proxy, ProxyProtocol, Untrusted};
pub use server::{NO_CACHE, Server};
pub use traces::Traces;

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
    /// The addresses to listen on, by names of your choice. Without any: `http://127.0.0.1:8080`.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The apps, by names of your choice: letters, digits, `-` and `_`. Without any: a welcome page.
    pub apps: BTreeMap<String, App>,
    /// An endpoint for operators: `/metrics`, `/healthz`, `/readyz`. Absent: there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Admin>,
    /// Where traces go. Absent: no traces are recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traces: Option<Traces>,
}

/// An endpoint for operators.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Admin {
    /// The address of the admin endpoint, for example `http://127.0.0.1:9090`. Anybody who can reach it gets an answer.
    pub url: String,
}
