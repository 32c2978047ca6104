//! The example, and guests for it.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn example() -> Command {
    Command::new(env!("CARGO_BIN_EXE_windhover-scgi-example"))
}

pub(crate) fn guest(name: &str) -> PathBuf {
    let folder = match std::env::var_os("WINDHOVER_GUESTS") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/guests/wasm32-wasip2/release"),
    };
    folder.join(name).with_extension("wasm")
}
