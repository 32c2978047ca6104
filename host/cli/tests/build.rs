//! `windhover build` as its users meet it. Runs the real binary, and commands of the system.

#![cfg(unix)] // the commands are a Unix shell's

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::command;
use support::folder::Folder;
use windhover_tests::guest_file;

#[test]
fn the_commands_run_in_their_order_and_in_the_folder_of_the_file() {
    let folder = Folder::with(&[]);
    let hello = guest_file("rust-hello");
    folder.write(
        "windhover.toml",
        app(&["mkdir -p build", &format!("cp '{}' build/app.wasm", hello.display())]).as_bytes(),
    );
    let told = folder.told(&["build"], 0);
    assert!(told.starts_with("$ mkdir -p build\n$ cp "), "{told}");
    let last = told.lines().last().expect("it says something");
    assert!(
        last.starts_with("Built build/app.wasm: windhover:http/application 0.1, ") && last.ends_with(" s"),
        "{last}"
    );

    let elsewhere = Folder::with(&[]);
    let config = folder.path("windhover.toml").display().to_string();
    fs::remove_dir_all(folder.path("build")).expect("it was made");
    elsewhere.told(&["build", "--config", &config], 0);
    assert!(folder.path("build/app.wasm").exists() && elsewhere.files().is_empty());
}

#[test]
fn windhover_in_a_command_is_the_one_that_runs_it() {
    let folder = Folder::with(&[]);
    let hello = guest_file("rust-hello");
    let copy = format!("mkdir -p build && cp '{}' build/app.wasm", hello.display());
    folder.write("windhover.toml", app(&["windhover --version > version", &copy]).as_bytes());
    folder.told(&["build"], 0);
    let version = fs::read_to_string(folder.path("version")).expect("it was written");
    assert_eq!(version, format!("windhover {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn the_first_command_that_fails_is_named_and_is_the_last() {
    let folder = Folder::with(&[]);
    for (commands, expected) in [
        (
            &["echo what is wrong >&2; exit 3", "touch reached"][..],
            "shop is not built: this step exited with code 3:\necho what",
        ),
        (&["windhover-no-such-tool --fast"], "a command of this step is not installed (`windhover doctor`"),
        (&["kill -9 $$"], "shop is not built: this step was killed"),
    ] {
        folder.write("windhover.toml", app(commands).as_bytes());
        let told = folder.told(&["build"], 1);
        assert!(told.contains(expected), "{told}");
    }
    assert_eq!(folder.files(), ["windhover.toml"]);
}

#[test]
fn a_toolchain_of_the_wrong_version_is_told_where_it_has_failed() {
    let folder = Folder::with(&[]);
    folder.write("zig", b"#!/bin/sh\necho 0.13.0\n[ $1 = version ]\n");
    fs::set_permissions(folder.path("zig"), fs::Permissions::from_mode(0o755)).expect("it is ours");
    folder.write("windhover.toml", app(&["zig build-exe app.zig"]).as_bytes());
    let path = format!("{}:{}", folder.path("").display(), std::env::var("PATH").expect("it is set"));
    let output = command().arg("build").current_dir(folder.path("")).env("PATH", path).output().expect("it runs");
    let told = String::from_utf8(output.stderr).expect("it speaks UTF-8");
    let expected = "shop is not built: this step exited with code 1:\nzig build-exe app.zig\n\
                    zig is 0.13.0; version 0.17 or newer is required. Install Zig 0.17";
    assert!(told.contains(expected), "{told}");
}

#[test]
fn what_came_of_it_has_to_be_an_app() {
    let folder = Folder::with(&[("core.wat", "(module)"), ("other.wat", "(component)")]);
    for (command, expected) in [
        ("true", "the commands of shop ended well, and there is no build/app.wasm"),
        ("mkdir -p build; echo nothing > build/app.wasm", "build/app.wasm is not WebAssembly"),
        ("cp core.wat build/app.wasm", "build/app.wasm is a core module"),
        ("cp other.wat build/app.wasm", "build/app.wasm has no handler for requests"),
    ] {
        folder.write("windhover.toml", app(&[command]).as_bytes());
        let told = folder.told(&["build"], 1);
        assert!(told.contains(expected), "{command}: {told}");
    }
}

#[test]
fn a_configuration_that_says_nothing_of_building_is_told_what_to_write() {
    let folder = Folder::with(&[("windhover.toml", "[apps.shop]\ncomponent = 'a.wasm'\n")]);
    let told = folder.told(&["build"], 1);
    assert!(told.contains("windhover.toml does not say how an app is built.\nWrite [apps.NAME.build]"), "{told}");
    folder.write("windhover.toml", app(&["true"]).as_bytes());
    assert!(folder.told(&["build", "other"], 1).contains("has no [apps.other.build] with commands"));
    let told = Folder::with(&[]).told(&["build"], 1);
    assert!(told.contains("cannot read windhover.toml"), "{told}");
}

fn app(commands: &[&str]) -> String {
    format!("[apps.shop]\ncomponent = 'build/app.wasm'\n[apps.shop.build]\ncommands = {commands:?}\n")
}
