//! What a server prints.

use std::io::Write;

/// Prints a line. That nobody reads it (a closed pipe, a full disk) is no reason to stop.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
