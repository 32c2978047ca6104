//! `windhover new` and `windhover bindings` as their users meet them. Runs the real binary; what the templates do once
//! they are built is for `just languages`, which needs the toolchains.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::command;
use support::folder::Folder;

#[test]
fn a_new_app_has_all_that_it_needs_under_its_own_name() {
    for language in ["c", "cpp", "go", "js", "python", "rust", "ts", "zig"] {
        for kind in ["application", "wasi-http", "wasi-http-p3"] {
            if kind == "wasi-http-p3" && !["c", "js", "python", "rust"].contains(&language) {
                continue;
            }
            let folder = Folder::with(&[]);
            let told = folder.told(&["new", "my-shop", "--lang", language, "--kind", kind], 0);
            assert!(told.starts_with("Made my-shop. Go on with:\n  cd my-shop\n  windhover build\n"), "{told}");
            let files = files_below(&folder.path("my-shop"));
            for expected in ["README.md", ".gitignore", "tests.toml", "windhover.toml"] {
                assert!(files.iter().any(|(path, _)| path == expected), "{language} {kind} has no {expected}");
            }
            let config = folder.told(&["config", "check", "my-shop/windhover.toml"], 0);
            assert!(config.contains("my-shop/windhover.toml"), "{config}");
            let template = format!("{language}-{kind}");
            for (path, content) in &files {
                let has_name = content.contains(&template) || content.contains(&template.replace('-', "_"));
                assert!(!has_name, "{path} of {template} has the template's name");
            }
        }
    }
}

#[test]
fn a_kind_that_a_language_cannot_make_is_refused_with_those_that_it_can() {
    let folder = Folder::with(&[]);
    let told = folder.told(&["new", "app", "--lang", "go", "--kind", "wasi-http-p3"], 1);
    let kinds = "use --kind application or wasi-http";
    assert_eq!(told, format!("windhover: the tools of this language cannot build such components yet; {kinds}\n"));
    assert!(folder.files().is_empty());
}

#[test]
fn an_application_has_the_contract_in_its_folder() {
    let folder = Folder::with(&[]);
    folder.told(&["new", "app", "--lang", "c"], 0);
    let contract = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit");
    for file in ["world.wit", "request.wit", "response.wit", "telemetry.wit"] {
        let vendored = folder.path("app/wit/deps/windhover-http").join(file);
        assert_eq!(fs::read(vendored).expect("it is vendored"), fs::read(contract.join(file)).expect("it is here"));
    }
}

#[test]
fn an_application_in_rust_has_what_it_is_written_with_in_its_folder() {
    let folder = Folder::with(&[]);
    folder.told(&["new", "app", "--lang", "rust"], 0);
    let guest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest");
    for file in ["Cargo.toml", "src/lib.rs", "wit/world.wit"] {
        let vendored = folder.path("app/windhover-guest").join(file);
        assert_eq!(fs::read(vendored).expect("it is vendored"), fs::read(guest.join(file)).expect("it is here"));
    }
    assert!(!folder.path("app/windhover-guest/wit/README.md").exists(), "it is of the repository");
}

#[test]
fn nothing_is_overwritten() {
    let folder = Folder::with(&[("app", "a file")]);
    let told = folder.told(&["new", "app", "--lang", "c"], 1);
    assert_eq!(told, "windhover: app already exists, and nothing is overwritten; choose another name\n");
    assert_eq!(folder.files(), ["app"]);
}

#[test]
fn what_cannot_be_a_name_is_told_and_nothing_is_written() {
    let folder = Folder::with(&[]);
    for name in ["My-App", "1app", "a.b", "..", "a b"] {
        let told = folder.told(&["new", name, "--lang", "c"], 1);
        assert!(told.contains("cannot be the name of an app; use lower-case letters"), "{name:?}: {told}");
    }
    let told = folder.told(&["new", "absent/app", "--lang", "c"], 1);
    assert!(told.contains("cannot make absent/app"), "{told}");
    let told = folder.told(&["new", "app", "--lang", "cobol"], 2);
    assert!(told.contains("[possible values: c, cpp, go, js, python, rust, ts, zig]"), "{told}");
    assert!(folder.files().is_empty());
}

#[test]
fn what_this_machine_lacks_is_told_with_its_remedy() {
    let folder = Folder::with(&[]);
    let nowhere = folder.path("nowhere");
    let mut command = command();
    let output =
        command.args(["new", "app", "--lang", "go"]).current_dir(folder.path(".")).env("PATH", nowhere).output();
    let told = String::from_utf8(output.expect("it runs").stdout).expect("it speaks UTF-8");
    assert!(told.contains("Before that: `go version` does not run here. Install Go (https://go.dev/dl)"), "{told}");
}

#[test]
fn bindings_are_written_and_left_alone_when_they_are_the_same() {
    let folder = Folder::with(&[]);
    folder.told(&["new", "app", "--lang", "c"], 0);
    let bindings = |language: &str| {
        let [wit, out] = [folder.path("app/wit"), folder.path(language)].map(|path| path.display().to_string());
        folder.told(&["bindings", language, "--wit", &wit, "--out", &out], 0)
    };
    assert!(bindings("c").starts_with("Bindings of app: 3 files in "));
    assert!(bindings("c").ends_with(", 0 of them changed\n"));
    assert!(bindings("zig").ends_with(", 3 of them changed\n"));
    let header = fs::read_to_string(folder.path("c/app.h")).expect("it was written");
    assert!(header.contains("bool windhover_http_response_send("), "{header}");
    fs::write(folder.path("c/app.h"), "other").expect("it is ours");
    assert!(bindings("c").ends_with(", 1 of them changed\n"));
    assert!(bindings("go").starts_with("Bindings of app: "));
    assert!(folder.path("go/pkg/wit/types/result.go").exists() && folder.path("go/wit_exports.go").exists());
}

#[test]
fn bindings_for_rust_are_those_of_its_macro() {
    let folder = Folder::with(&[]);
    folder.told(&["new", "app", "--lang", "c"], 0);
    let wit = folder.path("app/wit").display().to_string();
    assert!(
        folder.told(&["bindings", "rust", "--wit", &wit], 0).starts_with("Bindings of app: 1 files in build/bindings")
    );
    let bindings = fs::read_to_string(folder.path("build/bindings/app.rs")).expect("it was written");
    assert!(bindings.contains("pub trait Guest"), "{bindings}");
}

#[test]
fn bindings_that_other_tools_write_are_theirs() {
    let folder = Folder::with(&[]);
    for (language, name, local) in [
        ("ts", "jco", "node_modules/.bin/jco"),
        ("js", "jco", "node_modules/.bin/jco"),
        ("python", "componentize-py", "build/python/bin/componentize-py"),
    ] {
        let app = folder.path(language);
        folder.told(&["new", language, "--lang", language], 0);
        let bindings = |expected: i32| {
            let output = command().args(["bindings", language]).current_dir(&app).env("PATH", "/nowhere").output();
            let output = output.expect("it runs");
            let told = String::from_utf8([output.stdout, output.stderr].concat()).expect("it speaks UTF-8");
            assert_eq!(output.status.code(), Some(expected), "{told}");
            told
        };
        let told = bindings(1);
        let expected =
            format!("bindings of this language are written by {name}, which is not installed.\n`windhover build`");
        assert!(told.contains(&expected), "{told}");

        // One that writes what it was told, where it was told to.
        let tool = "#!/bin/sh\nfor out; do [ \"$last\" = --out-dir ] && break; last=$out; done\n\
                    /bin/mkdir -p $out/deep && echo \"$* $PYTHONPATH\" > $out/deep/told\n";
        fs::create_dir_all(app.join(local).parent().expect("it has one")).expect("it can be made");
        fs::write(app.join(local), tool).expect("it is ours");
        fs::set_permissions(app.join(local), fs::Permissions::from_mode(0o755)).expect("it is ours");
        assert!(bindings(0).starts_with("Bindings of app: 1 files in build/bindings, 1 of them changed\n"));
        let told = fs::read_to_string(app.join("build/bindings/deep/told")).expect("it was written");
        assert!(told.contains(" app ") && told.contains("wit "), "{told}");

        fs::write(app.join(local), "#!/bin/sh\necho what is wrong >&2; exit 1\n").expect("it is ours");
        assert!(bindings(1).contains(&format!("{name} cannot make bindings of wit:\nwhat is wrong\n")));
    }
    let told = folder.told(&["bindings", "c"], 1);
    assert!(told.contains("cannot use the WIT in wit"), "{told}");
}

/// Each file with its path, and its content as far as it is text.
fn files_below(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("it is a folder") {
            let path = entry.expect("it can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let content = String::from_utf8_lossy(&fs::read(&path).expect("it can be read")).into_owned();
                let name = path.strip_prefix(folder).expect("it is below it").display().to_string();
                files.push((name, content));
            }
        }
    }
    files
}
