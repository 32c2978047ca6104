//! Makes what is embedded: the welcome app, a guest like any other, and the examples that `windhover new` begins with.
//! One source, never a stale copy.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    embed_templates(&root.join("guest-examples"));
    let guest = root.join("guest-examples/rust-welcome");
    for input in [&guest.join("src"), &guest.join("Cargo.toml"), &guest.join("Cargo.lock"), &root.join("wit")] {
        println!("cargo::rerun-if-changed={}", input.display());
    }

    // The folder that all guests share, so that their dependencies are built once.
    let target = root.join("target/guests");
    let mut cargo = Command::new(variable("CARGO"));
    cargo.current_dir(&guest).env("CARGO_TARGET_DIR", &target);
    cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    // What is meant for the outer build (flags of the host, a linter instead of the compiler) is not for the guest.
    for outer in
        ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC_WRAPPER", "CARGO_BUILD_TARGET"]
    {
        cargo.env_remove(outer);
    }
    let output = cargo.output().expect("cargo runs, as it is running this");
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        if errors.contains("target may not be installed") {
            println!("cargo::error=the Rust target {TARGET} is missing; run: rustup target add {TARGET}");
        }
        println!("cargo::error=the welcome app does not build:");
        errors.lines().for_each(|line| println!("cargo::error={line}"));
        return;
    }
    let built = target.join(TARGET).join("release/rust_welcome.wasm");
    let embedded = PathBuf::from(variable("OUT_DIR")).join("welcome.wasm");
    fs::copy(&built, embedded).unwrap_or_else(|error| panic!("{} cannot be copied: {error}", built.display()));
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

const TARGET: &str = "wasm32-wasip2";

const LEFT_BY_BUILDS: [&str; 4] = [".zig-cache", "build", "node_modules", "target"];
