//! `[log]`: the log, on standard error.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The log, on standard error.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Log {
    /// The least important messages that are logged. Refused requests are at `debug`.
    pub level: Level,
    /// Which output of apps is logged, line by line with the request's id. Absent: all of it if `level` is `info`,
    /// `debug` or `trace`, otherwise none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest: Option<GuestLog>,
    /// Format of a line.
    pub format: Format,
    /// Whether each request is logged when it has ended.
    pub access: bool,
}

/// What is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// No messages.
    Off,
    /// Errors.
    Error,
    /// Also warnings.
    Warn,
    /// Also what the server does.
    #[default]
    Info,
    /// Also what clients do wrong.
    Debug,
    /// Also what the libraries do.
    Trace,
}

/// Which output of apps is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GuestLog {
    /// None.
    Off,
    /// Standard error.
    Stderr,
    /// Standard error and standard output.
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
