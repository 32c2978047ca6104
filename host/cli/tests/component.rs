//! `windhover component` as its users meet it: what it makes of core modules, and what it says of what it cannot use.
//! Runs the real binary.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::path::Path;

use support::Server;
use support::folder::Folder;
use windhover_tests::guest_file;

#[test]
fn what_was_made_of_a_core_module_is_served() {
    let folder = Folder::with(&[("core.wat", HELLO)]);
    let told = component(&folder, &["core.wat", "--wit", &wit(), "--world", "application"], 0);
    assert!(told.starts_with("Made core.component.wasm of core.wat: windhover:http/application 0.1, "), "{told}");
    expect_served(&folder.path("core.component.wasm"), "Hello from a core module!\n");
}

/// The handler asks WASI 0.1 for the time, and answers with the status that this gives: 0 for success, and so 200.
#[test]
fn calls_of_wasi_0_1_become_calls_of_wasi_0_2() {
    let folder = Folder::with(&[("core.wat", ASKS_THE_TIME)]);
    component(&folder, &["core.wat", "--wit", &wit(), "--world", "application", "-o", "app.wasm"], 0);
    expect_served(&folder.path("app.wasm"), "");
    let checked = folder.told(&["check", "app.wasm"], 0);
    assert!(checked.contains("monotonic-clock, wall-clock"), "{checked}");
}

#[test]
fn a_module_may_say_itself_what_it_was_written_for() {
    let folder = Folder::with(&[]);
    let mut module = wat::parse_str(HELLO).expect("it is a module");
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_path(wit()).expect("it is WIT");
    let world = resolve.select_world(&[package], Some("application")).expect("it is there");
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8, false)
        .expect("it has room");
    folder.write("core.wasm", &module);
    component(&folder, &["core.wasm", "-o", "app.wasm"], 0);
    expect_served(&folder.path("app.wasm"), "Hello from a core module!\n");
    let told = component(&folder, &["core.wasm", "--wit", &wit()], 1);
    assert!(told.contains("core.wasm says itself what it was written for; leave --wit out"), "{told}");
}

#[test]
fn what_cannot_become_a_component_is_told_and_nothing_is_written() {
    let folder = Folder::with(&[
        ("core.wat", HELLO),
        ("no-handler.wat", "(module (memory (export \"memory\") 1))"),
        ("text.wasm", "hello"),
        ("empty.wasm", ""),
        ("wrong.wit", "package a:b; world {"),
        ("two.wit", "package a:b; world one {} world two {}"),
        ("other.wit", "package a:b; world other {}"),
    ]);
    folder.copy("app.wasm", &guest_file("rust-hello"));
    let before = folder.files();
    let wit = wit();
    for (arguments, expected) in [
        (&["absent.wasm"][..], "cannot read absent.wasm"),
        (&["text.wasm"], "text.wasm is neither WebAssembly nor its text"),
        (&["empty.wasm"], "empty.wasm is neither WebAssembly nor its text"),
        (&["app.wasm"], "app.wasm is a component already; serve it as it is"),
        (&["core.wat"], "core.wat does not say what it was written for"),
        (&["core.wat"], "--wit wit --world application"),
        (&["core.wat", "--wit", "absent"], "cannot use the WIT in absent"),
        (&["core.wat", "--wit", "wrong.wit"], "cannot use the WIT in wrong.wit"),
        (&["core.wat", "--wit", "two.wit"], "two.wit does not have one world but one, two; name one with --world"),
        (&["core.wat", "--wit", "two.wit", "--world", "three"], "two.wit has no world \"three\"; it has one, two"),
        (&["core.wat", "--wit", "other.wit"], "cannot make a component of core.wat"),
        (&["no-handler.wat", "--wit", &wit, "--world", "application"], "cannot make a component of no-handler.wat"),
        (&["no-handler.wat", "--wit", "other.wit"], "no-handler.wat has no handler for requests"),
        (&["core.wat", "--wit", &wit, "--world", "application", "-o", "absent/a.wasm"], "cannot write absent/a.wasm"),
    ] {
        let told = component(&folder, arguments, 1);
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(folder.files(), before);
}

/// Answers with a line. `handle` is the world's export, the rest is what components need of a module.
const HELLO: &str = r#"(module
    (import "windhover:http/response@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32)))
    (memory (export "memory") 1)
    (data (i32.const 16) "Hello from a core module!\n")
    (func (export "handle")
        (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 26) (i32.const 64)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) unreachable))"#;

const ASKS_THE_TIME: &str = r#"(module
    (import "windhover:http/response@0.1.0" "send" (func $send (param i32 i32 i32 i32 i32 i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
    (memory (export "memory") 4)
    (global $free (mut i32) (i32.const 65536)) ;; room for what stands between both
    (func (export "handle")
        (call $send
            (i32.add (i32.const 200) (call $time (i32.const 0) (i64.const 0) (i32.const 128)))
            (i32.const 0) (i32.const 0) (i32.const 16) (i32.const 0) (i32.const 64)))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.get $free)
        (global.set $free (i32.add (global.get $free) (local.get 3)))))"#;

/// The contract.
fn wit() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit").to_string_lossy().into_owned()
}

/// What the command says, where it ends with this code.
fn component(folder: &Folder, arguments: &[&str], code: i32) -> String {
    folder.told(&[&["component"], arguments].concat(), code)
}

fn expect_served(file: &Path, content: &str) {
    let server = Server::start(&[file]);
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with(&format!("\r\n\r\n{content}")), "{answer}");
}
