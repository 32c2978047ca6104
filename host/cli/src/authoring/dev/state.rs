//! What the last build came to, and what is served.

use std::sync::Arc;
use std::time::Duration;

use windhover_server::layer::ServedApps;

/// What came of the last build.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Counts builds that have ended.
    pub(super) builds: u64,
    pub(super) failures: Vec<Arc<Failure>>,
    pub(super) is_leaving: bool,
}

/// Why an app is not built.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    /// Whose requests hear of it. `None`: all.
    pub(super) app: Option<String>,
    /// One line.
    pub(super) reason: String,
    /// What its command said.
    pub(super) said: String,
}

/// Names what is served now: other after each change that a page may show. Empty: nothing is.
pub(super) fn served(apps: Option<&ServedApps>, state: &State) -> String {
    let versions = apps.map(|apps| apps.versions().join(".")).unwrap_or_default();
    match state.failures.is_empty() {
        true => versions,
        false => format!("{versions}.failed-{}", state.builds),
    }
}

/// How often files are looked at: a change is seen by the second look at the latest.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_millis(100);
