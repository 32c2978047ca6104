//! The log: events of all rooms, one line each (a trap has its backtrace below it), on standard error. Standard output
//! is for what was asked for.

use std::io::{IsTerminal, stderr};
use std::sync::OnceLock;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::file::{Format, GuestLog, Level, Log};

/// Starts the log. It ends, with all its lines written, when what this returns is dropped.
///
/// Lines are written by a thread of their own: whoever reads them (a pipe, a terminal with a selection) may stop
/// reading, and must not stop the server by it. Then lines are dropped, not requests.
pub fn init(log: &Log) -> WorkerGuard {
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(BUFFERED_LINES).finish(stderr());
    let _ = DROPPED.set(writer.error_counter()); // a process has one log
    let level = level(log.level);
    // Libraries tell of every frame at `debug`, which is more than whoever asks what Windhover does wants to know.
    let others = if level == LevelFilter::TRACE { level } else { level.min(LevelFilter::WARN) };
    let [stdout, stderr_of_guests] = guests(log);
    let targets = Targets::new()
        .with_targets([("windhover", level), ("guest::stdout", stdout), ("guest::stderr", stderr_of_guests)])
        .with_default(others);
    let most = level.max(stderr_of_guests);
    let lines = tracing_subscriber::fmt().with_writer(writer).with_target(false).with_max_level(most);
    let _ = match log.format {
        Format::Text => lines.with_ansi(stderr().is_terminal()).finish().with(targets).try_init(),
        Format::Json => lines.json().flatten_event(true).finish().with(targets).try_init(),
    };
    guard
}

/// How many lines were dropped because nobody read those before them.
pub(crate) fn dropped_lines() -> u64 {
    DROPPED.get().map_or(0, |counter| counter.dropped_lines() as u64)
}

static DROPPED: OnceLock<ErrorCounter> = OnceLock::new();

/// From when on what guests write to standard output and to standard error is logged: it is at `info`.
fn guests(log: &Log) -> [LevelFilter; 2] {
    match log.guest {
        None => [level(log.level); 2],
        Some(GuestLog::Off) => [LevelFilter::OFF; 2],
        Some(GuestLog::Stderr) => [LevelFilter::OFF, LevelFilter::INFO],
        Some(GuestLog::All) => [LevelFilter::INFO; 2],
    }
}

fn level(level: Level) -> LevelFilter {
    match level {
        Level::Off => LevelFilter::OFF,
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    }
}

/// Lines that may wait for a slow reader. A guest's line takes up to 20 KiB when all of it is escaped, so this is a
/// bound on memory too.
const BUFFERED_LINES: usize = 4096;
