//! The log: events of all rooms, one line each, on standard error. Standard output is for what was asked for.

use std::io::{IsTerminal, stderr};

use tracing::level_filters::LevelFilter;

/// Starts the log, once a process; a second call changes nothing.
pub(crate) fn init(level: LevelFilter) {
    let _ = tracing_subscriber::fmt()
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false)
        .with_max_level(level)
        .try_init();
}
