//! `[apps.NAME.grants]`: what an app may access beyond its requests.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an app may access beyond its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Grants {
    /// Folder whose files the app may send (`windhover:http/send-file`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<PathBuf>,
    /// Environment variables.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Environment variables whose values are stored elsewhere and never shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub secrets: BTreeMap<String, Secret>,
    /// Values that the app reads by name (`wasi:config/store`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    /// Folders, by the path at which the app sees them, such as `/data`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub folders: BTreeMap<String, Folder>,
    /// Outbound requests that the app may send (`wasi:http`). A request needs one rule that allows it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outbound: Vec<OutboundRule>,
    /// PEM file with certificate authorities that outbound requests trust besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outbound_authorities: Option<PathBuf>,
}

/// Requests that an app may send.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OutboundRule {
    /// Allowed targets: `https://api.example.com`, `https://*.example.com:8443` for every name below it, `http://*` for
    /// every host, `https://api.example.com:*` for every port. Without a port: the default port of the scheme.
    pub url: String,
    /// Allowed methods. Absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// Whether the host may have a private address: of a private network, of this machine, or another one that is not
    /// on the Internet.
    #[serde(default)]
    pub private: bool,
}

/// Where a secret is stored: exactly one of the two.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Secret {
    /// The file that contains the value. A final line end does not count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<PathBuf>,
    /// The environment variable of the server that contains the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<String>,
}

/// A folder that the app may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Folder {
    /// The folder on this machine.
    pub path: PathBuf,
    /// What the app may do in it.
    #[serde(default)]
    pub access: Access,
}

/// What an app may do in a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Read only.
    #[default]
    Read,
    /// Read, write, create and remove.
    ReadWrite,
}
