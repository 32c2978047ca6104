//! `windhover compile` as its users meet it: what it writes, what `serve` makes of that, and what it says of what it
//! cannot use. Runs the real binary.

#![cfg(unix)] // elsewhere machine code from files is not used

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use support::Server;
use support::folder::Folder;
use windhover_tests::guest_file;

#[test]
fn what_was_compiled_is_served_without_compiling() {
    let folder = with_hello();
    let told = compile(&folder, &["app.wasm"], 0);
    assert!(told.starts_with("Compiled app.wasm for this machine in "), "{told}");
    assert!(told.contains(" ms: app.cwasm, "), "{told}");
    let server = Server::start(&[&folder.path("app.cwasm")]);
    assert!(server.printed[0].contains("app.cwasm (windhover:http/application 0.1), compiled ahead, loaded in "));
    expect_hello(&server);
    server.signal(Signal::TERM);
    assert!(!server.ended().stderr.contains("WARN"));
}

#[test]
fn every_world_can_be_compiled_and_checked() {
    for (guest, world) in [("rust-wasi-http", "wasi:http/proxy 0.2"), ("rust-wasi-http-p3", "wasi:http/service 0.3")] {
        let folder = Folder::with(&[]);
        folder.copy("app.wasm", &guest_file(guest));
        compile(&folder, &["app.wasm", "-o", "other.cwasm"], 0);
        let server = Server::start(&[&folder.path("other.cwasm")]);
        assert!(server.printed[0].contains(&format!("({world}), compiled ahead")), "{:?}", server.printed);
        let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        assert!(answer.ends_with("Hello from wasi:http!\n"), "{answer}");
        let checked = folder.run(&["check", "other.cwasm"]);
        assert!(String::from_utf8_lossy(&checked.stdout).contains(world), "{checked:?}");
    }
}

#[test]
fn middleware_is_compiled_with_its_app() {
    let folder = with_hello();
    folder.copy("auth.wasm", &guest_file("rust-basic-auth"));
    compile(&folder, &["app.wasm", "--middleware", "auth.wasm", "--out", "both.cwasm"], 0);
    let server = Server::start(&[&folder.path("both.cwasm")]);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
    // And what was compiled can be put behind middleware all the same, though not without compiling.
    compile(&folder, &["app.wasm"], 0);
    let server = Server::start(&[&folder.path("app.cwasm"), "--middleware".as_ref(), &folder.path("auth.wasm")]);
    assert!(server.printed[0].contains("compiled in "), "{:?}", server.printed);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
}

#[test]
fn what_was_compiled_for_another_machine_is_compiled_anew() {
    let folder = with_hello();
    let other = if cfg!(target_arch = "aarch64") { "x86_64-unknown-linux-gnu" } else { "aarch64-unknown-linux-gnu" };
    let told = compile(&folder, &["app.wasm", "--target", other], 0);
    assert!(told.starts_with(&format!("Compiled app.wasm for {other} in ")), "{told}");
    let log = serve_anew(&folder.path("app.cwasm"));
    assert!(log.contains("app.cwasm again, because its machine code cannot be used: "), "{log}");
    assert!(log.contains("run `windhover compile` again, or for this machine's --target"), "{log}");
}

#[test]
fn what_is_for_every_processor_of_this_kind_is_served_without_compiling() {
    let folder = with_hello();
    let this = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    compile(&folder, &["app.wasm", "--target", &this], 0);
    let server = Server::start(&[&folder.path("app.cwasm")]);
    assert!(server.printed[0].contains("compiled ahead"), "{:?}", server.printed);
    expect_hello(&server);
}

#[test]
fn machine_code_that_others_can_write_is_not_run() {
    let folder = with_hello();
    compile(&folder, &["app.wasm"], 0);
    let mode = fs::metadata(folder.path("app.cwasm")).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o022, 0, "it was written with mode {mode:o}");
    for mode in [0o664, 0o646] {
        fs::set_permissions(folder.path("app.cwasm"), fs::Permissions::from_mode(mode)).expect("it is ours");
        let log = serve_anew(&folder.path("app.cwasm"));
        assert!(log.contains("other users can write to it"), "{log}");
    }
}

#[test]
fn what_was_damaged_is_refused() {
    let folder = with_hello();
    compile(&folder, &["app.wasm"], 0);
    let whole = fs::read(folder.path("app.cwasm")).expect("it was written");
    let middle = whole.len() / 2;
    for damaged in [&whole[..16], &whole[..40], &whole[..60], &whole[..middle], &whole[..whole.len() - 1]] {
        expect_damaged(&folder, damaged);
    }
    for at in [16, 47, 48, 56, middle, whole.len() - 1] {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        expect_damaged(&folder, &damaged);
    }
}

#[test]
fn what_cannot_be_compiled_is_told_and_nothing_is_written() {
    let folder = with_hello();
    folder.write("text.wasm", b"hello");
    for (arguments, expected) in [
        (&["text.wasm"][..], "text.wasm is not WebAssembly"),
        (&["absent.wasm"], "cannot read absent.wasm"),
        (&["app.wasm", "--target", "vax"], "cannot compile for \"vax\""),
        (&["app.wasm", "--target", "vax"], "Use a target triple as Rust does"),
        (&["app.wasm", "--out", "absent/app.cwasm"], "cannot write absent/app.cwasm"),
    ] {
        let told = compile(&folder, arguments, 1);
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(folder.files(), ["app.wasm", "text.wasm"]);
    compile(&folder, &["app.wasm"], 0);
    let told = compile(&folder, &["app.cwasm"], 1);
    assert!(told.contains("app.cwasm is already compiled"), "{told}");
    compile(&folder, &["app.cwasm", "--out", "app.cwasm"], 0);
    assert_eq!(folder.files(), ["app.cwasm", "app.wasm", "text.wasm"]);
}

fn with_hello() -> Folder {
    let folder = Folder::with(&[]);
    folder.copy("app.wasm", &guest_file("rust-hello"));
    folder
}

/// What the command says, where it ends with this code.
fn compile(folder: &Folder, arguments: &[&str], code: i32) -> String {
    folder.told(&[&["compile"], arguments].concat(), code)
}

/// Serves a file that has to be compiled all the same, and returns the log.
fn serve_anew(file: &Path) -> String {
    let server = Server::start(&[file]);
    assert!(server.printed[0].contains(", compiled in "), "{:?}", server.printed);
    expect_hello(&server);
    server.signal(Signal::TERM);
    server.ended().stderr
}

fn expect_damaged(folder: &Folder, content: &[u8]) {
    folder.write("damaged.cwasm", content);
    let told = folder.told(&["serve", "damaged.cwasm"], 1);
    assert!(told.contains("damaged.cwasm is damaged"), "{told}");
}

fn expect_hello(server: &Server) {
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.ends_with("\r\n\r\nHello from WebAssembly!\n"), "{answer}");
}
