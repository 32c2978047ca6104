//! Embeds the examples that `windhover new` begins with, and the Go module that bindings for Go call. Both have one source:
//! the examples are those of this repository, and the module is the one that the crate `wit-bindgen-go` contains, so it
//! always belongs to the generator.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    if env::var_os("CARGO_FEATURE_AUTHORING").is_none() {
        return;
    }
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    embed_templates(&root.join("guest-examples"));
    embed_go_module(&root);
}

/// `go.bytecodealliance.org/pkg`, which the crate uses in its tests and does not export.
fn embed_go_module(root: &Path) {
    let module = crate_folder("wit-bindgen-go", &root.join("Cargo.lock")).join("src/pkg");
    let mut files = vec![module.join("LICENSE"), module.join("go.mod")];
    files_below(&module.join("wit"), &mut files);
    let mut code = "static GO_MODULE: &[(&str, &[u8])] = &[\n".to_owned();
    for file in files {
        writeln!(code, "    {},", embedded(&file, &module)).expect("memory is written");
    }
    write_code("go_module.rs", &(code + "];\n"));
}

/// The folder of a crate that this package depends on, in the registry's cache or where it is vendored. Only cargo knows it.
///
/// cargo is asked about a package that depends on this crate alone, at the locked version: then each package that cargo
/// looks at has been downloaded for this build, and no network is needed.
fn crate_folder(name: &str, lock: &Path) -> PathBuf {
    let probe = PathBuf::from(variable("OUT_DIR")).join("probe");
    let manifest = format!(
        "[package]\nname = \"probe\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n{name} = \"*\"\n"
    );
    let prepared = fs::create_dir_all(&probe)
        .and_then(|()| fs::write(probe.join("lib.rs"), ""))
        .and_then(|()| fs::write(probe.join("Cargo.toml"), manifest))
        .and_then(|()| fs::copy(lock, probe.join("Cargo.lock")));
    prepared.unwrap_or_else(|error| panic!("{} cannot be written: {error}", probe.display()));
    println!("cargo::rerun-if-changed={}", lock.display());
    let output = Command::new(variable("CARGO"))
        .args(["metadata", "--offline", "--format-version", "1", "--filter-platform", &variable("TARGET")])
        .arg("--manifest-path")
        .arg(probe.join("Cargo.toml"))
        .output()
        .unwrap_or_else(|error| panic!("cargo cannot be run: {error}"));
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("cargo metadata lists packages");
    let package = packages.iter().find(|package| package["name"] == name);
    let manifest = package.and_then(|package| package["manifest_path"].as_str());
    let manifest = Path::new(manifest.unwrap_or_else(|| panic!("cargo metadata does not list {name}")));
    manifest.parent().expect("a manifest is in a folder").to_owned()
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
            writeln!(code, "        {},", embedded(&file, &example)).expect("memory is written");
        }
        code.push_str("    ] },\n");
    }
    println!("cargo::rerun-if-changed={}", examples.display());
    write_code("templates.rs", &(code + "];\n"));
}

/// A file's path below a folder, with `/`, and its content.
fn embedded(file: &Path, folder: &Path) -> String {
    println!("cargo::rerun-if-changed={}", file.display());
    let path = file.strip_prefix(folder).expect("it is below it");
    let path = path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/");
    format!("({path:?}, include_bytes!({file:?}))")
}

fn write_code(name: &str, code: &str) {
    let file = PathBuf::from(variable("OUT_DIR")).join(name);
    fs::write(&file, code).unwrap_or_else(|error| panic!("{} cannot be written: {error}", file.display()));
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
