//! Embeds the examples that `windhover new` begins with. One source, never a stale copy.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    if env::var_os("CARGO_FEATURE_AUTHORING").is_none() {
        return;
    }
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    embed_templates(&root.join("guest-examples"));
}

/// The examples of each language and kind, file by file.
fn embed_templates(examples: &Path) {
    let mut code = "static TEMPLATES: &[Template] = &[\n".to_owned();
    for example in entries(examples) {
        let name = example.file_name().expect("it was listed").to_string_lossy().into_owned();
        if !["-application", "-wasi-http", "-wasi-http-p3"].iter().any(|kind| name.ends_with(kind)) {
            continue;
        }
        let mut files = Vec::new();
        files_below(&example, &mut files);
        writeln!(code, "    Template {{ name: {name:?}, files: &[").expect("memory is written");
        for file in files {
            println!("cargo::rerun-if-changed={}", file.display());
            let path = file.strip_prefix(&example).expect("it is below it");
            let path = path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
            writeln!(code, "        ({path:?}, include_bytes!({file:?})),").expect("memory is written");
        }
        code.push_str("    ] },\n");
    }
    println!("cargo::rerun-if-changed={}", examples.display());
    let embedded = PathBuf::from(variable("OUT_DIR")).join("templates.rs");
    fs::write(&embedded, code + "];\n")
        .unwrap_or_else(|error| panic!("{} cannot be written: {error}", embedded.display()));
}

/// What belongs to an example, and not what building it leaves there.
fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in entries(folder) {
        let name = entry.file_name().expect("it was listed").to_string_lossy().into_owned();
        if entry.is_dir() && !LEFT_BY_BUILDS.contains(&name.as_str()) {
            files_below(&entry, files);
        } else if entry.is_file() && !(name == "README.md" && is_wit_of_windhover(folder)) {
            files.push(entry);
        }
    }
}

/// Its README is of this repository.
fn is_wit_of_windhover(folder: &Path) -> bool {
    folder.ends_with("wit/deps/windhover-http") || folder.ends_with("windhover-guest/wit")
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("it can be read").path()).collect();
    entries.sort();
    entries.into_iter()
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}

const LEFT_BY_BUILDS: [&str; 4] = [".zig-cache", "build", "node_modules", "target"];
