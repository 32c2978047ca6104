//! Environment variables in place of flags: what they may say, and what is told of those that are wrong.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::process::Output;

use support::{Server, command};
use windhover_tests::guest_file;

#[test]
fn a_flag_is_on_or_off_by_any_usual_word() {
    for (value, expected) in [
        ("1", true),
        ("true", true),
        ("yes", true),
        ("on", true),
        ("TRUE", true),
        ("0", false),
        ("false", false),
        ("no", false),
        ("off", false),
    ] {
        // The file says the opposite, and the variable stands above it.
        let written =
            format!("log.access = {}\nserver.cache = {:?}\n", !expected, if expected { "kept" } else { "none" });
        let shown = shown(&written, &[], &[("WINDHOVER_ACCESS_LOG", value), ("WINDHOVER_NO_CACHE", value)]);
        assert!(shown.contains(&format!("\naccess = {expected}  # WINDHOVER_ACCESS_LOG\n")), "{value}: {shown}");
        assert_eq!(shown.contains("cache = \"none\"  # WINDHOVER_NO_CACHE"), expected, "{value}: {shown}");
        assert_eq!(shown.contains("cache = "), expected, "{value}: {shown}");
    }
    // As ever, and over the variable.
    let shown_with = |args: &[&str]| shown("", args, &[("WINDHOVER_ACCESS_LOG", "0")]);
    assert!(shown_with(&["--access-log"]).contains("\naccess = true  # --access-log\n"));
    assert!(shown_with(&["--access-log=on"]).contains("\naccess = true  # --access-log\n"));
    assert!(shown_with(&[]).contains("\naccess = false  # WINDHOVER_ACCESS_LOG\n"));
}

#[test]
fn an_empty_variable_says_nothing() {
    let names = [
        "WINDHOVER_ACCESS_LOG",
        "WINDHOVER_ADMIN_URL",
        "WINDHOVER_CACHE",
        "WINDHOVER_CONFIG",
        "WINDHOVER_H2",
        "WINDHOVER_LOG",
        "WINDHOVER_MAX_CONNECTIONS",
        "WINDHOVER_NO_CACHE",
        "WINDHOVER_REUSE",
        "WINDHOVER_TIMEOUT",
        "WINDHOVER_TLS_CERT",
        "WINDHOVER_TLS_KEY",
        "WINDHOVER_URL",
        "WINDHOVER_WORKERS",
    ];
    let written = "[apps.a]\ncomponent = \"a.wasm\"\n";
    assert_eq!(shown(written, &[], &names.map(|name| (name, ""))), shown(written, &[], &[]));
}

#[test]
fn a_variable_that_is_wrong_is_told_by_its_own_name() {
    for (name, value, expected) in [
        (
            "WINDHOVER_TIMEOUT",
            "soon",
            "the environment variable WINDHOVER_TIMEOUT cannot be \"soon\": \"soon\" is not a time",
        ),
        (
            "WINDHOVER_WORKERS",
            "0",
            "the environment variable WINDHOVER_WORKERS cannot be \"0\": it takes a number of 1",
        ),
        (
            "WINDHOVER_REUSE",
            "yes",
            "the environment variable WINDHOVER_REUSE cannot be \"yes\": there is no \"yes\"; it takes never, serial,",
        ),
        ("WINDHOVER_ACCESS_LOG", "maybe", "the environment variable WINDHOVER_ACCESS_LOG cannot be \"maybe\": "),
    ] {
        let output = run("", &["serve"], &[(name, value)]);
        let error = text(output.stderr);
        assert!(error.contains(expected) && !error.contains("for '--"), "{error}");
        assert_eq!(output.status.code(), Some(2));
    }
    let output = run("", &["serve", "--timeout", "soon"], &[("WINDHOVER_TIMEOUT", "5")]);
    let error = text(output.stderr);
    assert!(error.contains("invalid value 'soon' for '--timeout <TIME>'"), "{error}");
}

#[test]
fn a_variable_that_means_nothing_is_told_with_the_one_that_was_meant() {
    let mut serve = command();
    serve.args(["serve", "--no-cache", "--url", "http://127.0.0.1:0"]).arg(guest_file("rust-hello"));
    serve.env("WINDHOVER_MAX_CONECTIONS", "3").env("WINDHOVER_FLAVOUR", "mint");
    // What Kubernetes sets in each container beside a service of that name.
    serve.env("WINDHOVER_SERVICE_HOST", "10.0.0.1").env("WINDHOVER_PORT_80_TCP_ADDR", "10.0.0.1");
    serve.env("WINDHOVER_PORT", "tcp://10.0.0.1:80").env("WINDHOVER_LOG", "info");
    let server = Server::run(&mut serve);
    server.signal(rustix::process::Signal::TERM);
    let log = server.ended().stderr;
    let told: Vec<&str> = log.lines().filter(|line| line.contains("is unknown")).collect();
    assert_eq!(told.len(), 2, "{log}");
    assert!(log.contains("WINDHOVER_MAX_CONECTIONS is unknown; do you mean WINDHOVER_MAX_CONNECTIONS?"), "{log}");
    assert!(log.contains("WINDHOVER_FLAVOUR is unknown (`windhover serve --help` lists"), "{log}");
}

#[test]
fn a_configuration_that_is_a_link_to_nowhere_is_an_error_and_not_a_welcome_page() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::os::unix::fs::symlink("/nowhere/windhover.toml", folder.path().join("windhover.toml")).expect("it can be");
    let output = command().args(["serve", "--show-config"]).current_dir(&folder).output().expect("the command runs");
    let error = text(output.stderr);
    assert!(!output.status.success() && error.contains("cannot read windhover.toml: No such file"), "{error}");
}

/// The configuration that is shown.
fn shown(written: &str, args: &[&str], variables: &[(&str, &str)]) -> String {
    let output = run(written, &[&["serve", "--show-config"], args].concat(), variables);
    assert!(output.status.success(), "{}", text(output.stderr));
    text(output.stdout)
}

fn run(written: &str, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let mut command = command();
    command.args(args).current_dir(&folder).envs(variables.iter().copied()).output().expect("the command runs")
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("it is text")
}
