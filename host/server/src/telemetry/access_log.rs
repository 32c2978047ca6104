//! One line for each exchange, when it has ended, and for each request that the server refused by itself.

use std::fmt;
use std::time::Duration;

use http::Version;
use tracing::info;
use windhover_contract::{Connection, Fault};

use super::facts::{Facts, protocol};
use crate::config::file::Format;

/// The line of an exchange. Without the query, which may hold what is secret.
pub(super) fn exchange(facts: &Facts, format: Format) {
    let (app, version) = facts.app.as_ref().map_or(("", ""), |(app, version)| (app, version));
    let fault = facts.broken_off();
    let client = facts.connection.as_deref().and_then(client);
    info!(
        target: TARGET,
        method = facts.method.as_str(),
        scheme = facts.scheme.as_str(),
        host = %Chosen(facts.host.as_deref().unwrap_or(""), format),
        path = %Chosen(&facts.path, format),
        protocol = facts.protocol(),
        status = facts.status.map_or(0, |status| status.as_u16()),
        fault = fault.as_ref().map(tracing::field::display),
        code = fault.as_ref().map(Fault::code),
        received = facts.read(),
        sent = facts.sent,
        head_ms = facts.until_head.map(milliseconds),
        ms = milliseconds(facts.took()),
        app,
        version,
        client = client.as_deref().unwrap_or(""),
        id = facts.identifier.as_ref().map(tracing::field::display),
        "exchange"
    );
}

/// The line of a request that no application saw.
pub(super) fn rejection(fault: &Fault, connection: &Connection, version: Version) {
    let client = client(connection);
    info!(
        target: TARGET,
        protocol = protocol(version),
        status = fault.status().as_u16(),
        %fault,
        code = fault.code(),
        client = client.as_deref().unwrap_or(""),
        connection = connection.id,
        "rejected"
    );
}

/// The client's address, with its port, unless a proxy has reported the address alone.
fn client(connection: &Connection) -> Option<String> {
    let remote = connection.remote()?;
    Some(if remote.port() == 0 { remote.ip().to_string() } else { remote.to_string() })
}

/// To the microsecond.
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1000.0
}

/// Text that a client has chosen. No control character of it reaches the log: JSON escapes it, and a line for people has
/// it as a quoted string.
struct Chosen<'a>(&'a str, Format);

impl fmt::Display for Chosen<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Format::Json => f.write_str(self.0),
            Format::Text => write!(f, "{:?}", self.0),
        }
    }
}

const TARGET: &str = "windhover::access";
