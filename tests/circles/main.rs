//! The files of a crate of `host/` depend one way: none refers to one that refers back to it, directly or by way of others.
//! What is in a circle can only be understood, tested and changed together. Those that must remain are listed, each with
//! its reason.
//!
//! It reads the source as text, and what `pub use` passes on counts for the file that has it. Tests and `lib.rs`, which
//! names what the crate is made of, do not count.

mod allowed;
mod graph;
mod source;

use std::collections::BTreeSet;
use std::path::Path;

use allowed::ALLOWED;

#[test]
fn files_of_the_host_depend_one_way() {
    let host = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host");
    let mut found = Vec::new();
    for room in ["cli", "contract", "guest", "http", "sandbox", "server"] {
        for circle in graph::circles(&source::references(&host.join(room).join("src"))) {
            let is_allowed = |listed: &allowed::Circle| {
                !listed.reason.is_empty()
                    && listed.room == room
                    && circle.keys().all(|file| listed.files.contains(&file.as_str()))
            };
            if !ALLOWED.iter().any(is_allowed) {
                let lines = circle.iter().map(|(file, others)| format!("  {file} -> {}", join(others)));
                found.push(format!(
                    "host/{room}: these files refer to each other:\n{}",
                    lines.collect::<Vec<_>>().join("\n")
                ));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{}\nPass a value down, or list the circle with its reason in tests/circles/allowed.rs.",
        found.join("\n")
    );
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
