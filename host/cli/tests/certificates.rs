//! Certificates that cannot be used, beside others that can.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::fs;

use support::folder::Folder;
use support::{Server, command};
use windhover_tests::guest_file;

#[test]
fn an_endpoint_without_a_good_certificate_does_not_keep_others_from_being_served() {
    let site = site("[endpoints.open]\nurl = 'http://127.0.0.1:0'\n");
    let key = fs::read(site.path("dev-key.pem")).expect("it was made");
    fs::write(site.path("dev-key.pem"), "no key").expect("it is ours");
    let mut server = Server::run(command().args(["serve", "--no-cache", "--config"]).arg(site.path("windhover.toml")));
    let line = server.wait_for("endpoints.secure: ");
    assert!(line.contains("dev-key.pem") && line.contains("refused until it is valid"), "{line}");
    server.wait_for("endpoints.secure has no certificate to use, and refuses every client");
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.ends_with("Hello from WebAssembly!\n"), "{answer}");
    // It is looked for, and nobody has to start anything anew.
    fs::write(site.path("dev-key.pem"), key).expect("it is ours");
    server.wait_for("reloaded the TLS certificates");
}

#[test]
fn where_no_endpoint_is_left_the_server_does_not_start_and_says_why() {
    let site = site("");
    fs::write(site.path("dev-key.pem"), "no key").expect("it is ours");
    let told = site.told(&["serve", "--no-cache"], 1);
    let last = told.lines().last().unwrap_or_default();
    assert!(last.starts_with("windhover: endpoints.secure: ") && last.contains("dev-key.pem"), "{told}");
}

#[test]
fn a_reload_takes_what_is_good_and_keeps_what_was() {
    let site = site("[endpoints.open]\nurl = 'http://127.0.0.1:0'\n");
    let mut server = Server::run(command().args(["serve", "--no-cache", "--config"]).arg(site.path("windhover.toml")));
    fs::write(site.path("dev-key.pem"), "no key").expect("it is ours");
    let written = fs::read_to_string(site.path("windhover.toml")).expect("it is there");
    site.write(
        "windhover.toml",
        written.replace("key = 'dev-key.pem'", "key = 'dev-key.pem', min-version = '1.3'").as_bytes(),
    );
    server.signal(rustix::process::Signal::HUP);
    let line = server.wait_for("endpoints.secure: ");
    assert!(line.contains("the previous version stays in use"), "{line}");
    server.wait_for("the configuration was read again from ");
}

/// Writes a certificate and its key.
fn certify(site: &Folder) {
    let mut dev_cert = command();
    let made = dev_cert.args(["dev-cert", "--out"]).arg(site.path("")).env("XDG_DATA_HOME", site.path("data")).output();
    assert!(made.expect("the command runs").status.success());
}

/// An endpoint with TLS, and what else is written.
fn site(more: &str) -> Folder {
    let site = Folder::with(&[(
        "windhover.toml",
        &format!(
            "[server]\nwatch-interval = '0s'\n{more}[endpoints.secure]\nurl = 'https://127.0.0.1:0'\n\
             tls = {{ certificate = 'dev-cert.pem', key = 'dev-key.pem' }}\n[apps.a]\ncomponent = 'a.wasm'\n"
        ),
    )]);
    site.copy("a.wasm", &guest_file("rust-hello"));
    certify(&site);
    site
}
