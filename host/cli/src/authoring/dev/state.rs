//! The result of the last build, and the versions that are served.

use std::sync::Arc;
use std::time::Duration;

use windhover_server::interceptor::ServedApps;

/// The result of the last build.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// The number of builds that have ended.
    pub(super) builds: u64,
    pub(super) failures: Vec<Arc<Failure>>,
    pub(super) is_leaving: bool,
}

/// Why an app is not built.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    /// The app whose requests get this. `None`: all.
    pub(super) app: Option<String>,
    /// One line.
    pub(super) reason: String,
    /// The output of the command.
    pub(super) said: String,
}

/// Identifies the versions that are served. It changes whenever a page may look different. Empty: none is served.
pub(super) fn served(apps: Option<&ServedApps>, state: &State) -> String {
    let versions = apps.map(|apps| apps.versions().join(".")).unwrap_or_default();
    match state.failures.is_empty() {
        true => versions,
        false => format!("{versions}.failed-{}", state.builds),
    }
}

/// How often files are checked. A change is noticed at the second check.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_millis(100);
