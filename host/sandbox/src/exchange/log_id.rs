//! Identifies an exchange in log lines.

use std::fmt;

use windhover_contract::{Features, Identifier};

/// The id of an exchange, or `-` if the server assigns none or the line is about several exchanges. Formatted only when
/// a line is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogId(Option<Identifier>);

impl From<&Features> for LogId {
    fn from(features: &Features) -> Self {
        Self(features.identifier.clone())
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(identifier) => identifier.fmt(f),
            None => f.write_str("-"),
        }
    }
}
