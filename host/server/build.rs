//! Builds the welcome app, a guest like any other, which is embedded. One source, never a stale copy.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
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

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name} for build scripts"))
}

const TARGET: &str = "wasm32-wasip2";
