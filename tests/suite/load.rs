//! Guests that are refused when they are loaded: by a message that names the file, what is wrong, and what to do.

use std::fs;
use std::path::Path;

use windhover_contract::{Feature, Server};
use windhover_sandbox::{Guest, LoadError, World};
use windhover_tests::{MemoryServer, TestServer, engine, guest, guest_file};

use crate::{fault, get};

#[test]
fn the_world_is_told_from_the_component() {
    assert_eq!(guest("rust-hello").world(), World::Application);
    assert_eq!(guest("rust-wasi-http").world(), World::WasiHttp);
    assert_eq!(guest("wasi-with-features").world(), World::WasiHttp);
    assert_eq!(guest("rust-wasi-http-p3").world(), World::WasiHttp3);
    assert_eq!(guest("wasi3-with-features").world(), World::WasiHttp3);
}

#[test]
fn the_imports_are_the_requirements() {
    assert_eq!(guest("rust-hello").needs(), []);
    assert_eq!(guest("rust-wasi-http").needs(), []);
    assert_eq!(guest("rust-wasi-http-p3").needs(), []);
    for guest in [guest("facts"), guest("wasi-with-features")] {
        let mut needs = guest.needs().to_vec();
        needs.sort();
        assert_eq!(needs, [Feature::Connection, Feature::ServerAddresses]);
    }
}

#[test]
fn a_guest_that_needs_what_the_server_lacks_is_refused_by_name() {
    assert!(guest("facts").require(MemoryServer::offers).is_ok());
    let offers = |feature| feature != Feature::Connection;
    assert!(guest("rust-hello").require(offers).is_ok());
    for guest in [guest("facts"), guest("wasi-with-features")] {
        let refusal = guest.require(offers).expect_err("the server lacks a feature").to_string();
        assert!(refusal.contains("needs the feature windhover:http/connection"), "{refusal}");
        assert!(refusal.contains(&guest.file().display().to_string()), "{refusal}");
    }
}

#[tokio::test]
async fn the_text_format_is_accepted() {
    let guest = load("guest.wat", HANDLER).expect("it exports a handler");
    assert_eq!(guest.world(), World::Application);
    let served = TestServer::memory().serve(guest).await;
    let mut wire = served.connect().await;
    wire.send(get("/")).await;
    wire.expect(&fault("500 Internal Server Error")).await; // it does nothing
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let file = Path::new("/nowhere/app.wasm");
    let refusal = Guest::load(engine(), file, None).err().expect("there is no such file").to_string();
    assert!(refusal.starts_with("cannot read /nowhere/app.wasm: "), "{refusal}");
}

#[test]
fn what_is_no_component_is_refused_with_what_to_give_instead() {
    for (content, expected) in [
        ("", "is not WebAssembly: it is empty"),
        ("#!/bin/sh\n", "is not WebAssembly: it does not begin with the bytes \\0asm"),
        ("\x7fELF\x02\x01\x01", "is not WebAssembly: it is a native program"),
        ("\0asm", "it ends inside its first eight bytes"),
        ("\0asm\x01\0\0\0", "is a core module, and a server runs components"),
        ("(module)", "is a core module, and a server runs components"),
        ("\0asm\x0d\0\x01\0garbage", "does not compile"),
        ("(component", "is not valid WebAssembly text"),
        ("(component)", "has no handler for requests; it exports nothing"),
        (&importing("acme:things/stuff@1.0.0"), "\n  acme:things/stuff@1.0.0: compose the guest with a component"),
        (&importing("windhover:http/teapot@0.1.0"), "\n  windhover:http/teapot@0.1.0: this version of Windhover does"),
        (&importing("windhover:http/request@0.2.0"), "\n  windhover:http/request@0.2.0: this version of Windhover has"),
        (
            &importing("wasi:http/handler@0.3.0"),
            "\n  wasi:http/handler@0.3.0: the component is middleware; serve an app",
        ),
        (&importing("wasi:io/poll@0.3.0"), "\n  wasi:io/poll@0.3.0: WASI 0.3 has no wasi:io"),
        (&importing("wasi:keyvalue/store@0.2.0"), "\n  wasi:keyvalue/store@0.2.0: Windhover does not offer"),
        (
            &exporting("wasi:http/handler@0.4.0"),
            "or for a standard world: wasi:http/proxy 0.2 or wasi:http/service 0.3",
        ),
        (&exporting("wasi:cli/run@0.2.0"), "It is a command-line program"),
        (&HANDLER.replace("(component", WRONG_TYPE), "does not fit this host"),
    ] {
        let refusal = match load("app.wasm", content) {
            Ok(_) => panic!("it is accepted:\n{content}"),
            Err(refusal) => refusal.to_string(),
        };
        assert!(refusal.contains(expected), "{content:?} is refused with:\n{refusal}\n--- expected ---\n{expected}");
        assert!(refusal.contains("app.wasm"), "the file is not named:\n{refusal}");
    }
}

/// A patch of the contract only adds: so what was built for an earlier one fits, and the number in `wit/` is the host's.
#[test]
fn the_version_of_the_contract_is_the_one_that_is_served() {
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit/world.wit");
    let world = fs::read_to_string(world).expect("it is in the checkout");
    let version = world.split_once("package windhover:http@").and_then(|(_, rest)| rest.split_once(';'));
    let (version, _) = version.expect("a package has a version");
    let (minor, patch) = version.rsplit_once('.').expect("a version has three parts");
    let tls = |version: &str| load("app.wat", &importing(&format!("windhover:http/tls@{version}")));
    for patch in 0..=patch.parse().expect("a patch is a number") {
        assert!(tls(&format!("{minor}.{patch}")).is_ok(), "{minor}.{patch} is refused");
    }
    let later = patch.parse::<u32>().expect("a patch is a number") + 1;
    for other in [format!("{minor}.{later}"), "0.2.0".into(), "1.0.0".into()] {
        let refusal = tls(&other).err().expect("the host does not have it").to_string();
        assert!(refusal.contains(&format!("this version of Windhover has windhover:http {version}")), "{refusal}");
    }
}

#[test]
fn all_unknown_imports_are_named_at_once() {
    let two = importing("acme:a/one@1.0.0").replacen("(core", "(import \"acme:a/two@1.0.0\" (instance)) (core", 1);
    let refusal = load("app.wasm", &two).err().expect("both are unknown").to_string();
    assert!(refusal.contains("acme:a/one@1.0.0") && refusal.contains("acme:a/two@1.0.0"), "{refusal}");
}

/// Versions that differ in the last number are the same to a component, and more exports than the handler are fine.
#[test]
fn standard_components_of_every_version_are_accepted() {
    for patch in 0..=12 {
        let content = WASI_HTTP.replace("0.2.0", &format!("0.2.{patch}"));
        let guest = load("app.wat", &content).unwrap_or_else(|refusal| panic!("0.2.{patch}: {refusal}"));
        assert_eq!(guest.world(), World::WasiHttp);
    }
    let built = fs::read(guest_file("rust-wasi-http-p3")).expect("the guest is built");
    for patch in b'0'..=b'9' {
        let mut patched = built.clone();
        for at in 0..patched.len() {
            if patched[at..].starts_with(b"@0.3.") && patched[at + 5].is_ascii_digit() {
                patched[at + 5] = patch;
            }
        }
        let guest = Guest::from_bytes(engine(), &patched, Path::new("app.wasm"), None);
        let guest = guest.unwrap_or_else(|refusal| panic!("0.3.{}: {refusal}", patch as char));
        assert_eq!(guest.world(), World::WasiHttp3);
    }
}

#[test]
fn a_guest_is_known_by_its_file() {
    assert_eq!(guest("rust-hello").file(), guest_file("rust-hello"));
}

/// Loads a file with this content.
fn load(name: &str, content: &str) -> Result<Guest, LoadError> {
    let folder = tempfile::tempdir().expect("the system has a place for temporary files");
    let file = folder.path().join(name);
    fs::write(&file, content).expect("a new folder can be written to");
    Guest::load(engine(), &file, None)
}

fn importing(interface: &str) -> String {
    HANDLER.replace("(component", &format!("(component (import \"{interface}\" (instance))"))
}

fn exporting(interface: &str) -> String {
    format!("(component (instance $nothing) (export \"{interface}\" (instance $nothing)))")
}

/// The smallest guest there is: it returns without an answer.
const HANDLER: &str = r#"(component
    (core module $guest (func (export "handle")))
    (core instance $guest (instantiate $guest))
    (func (export "handle") (canon lift (core func $guest "handle"))))"#;

const WRONG_TYPE: &str =
    r#"(component (import "windhover:http/request@0.1.0" (instance (export "method" (func (result u32)))))"#;

/// The smallest guest of wasi:http 0.2, with one export more than it needs.
const WASI_HTTP: &str = r#"(component
    (import "wasi:http/types@0.2.0" (instance $types
        (export "incoming-request" (type (sub resource)))
        (export "response-outparam" (type (sub resource)))))
    (alias export $types "incoming-request" (type $request))
    (alias export $types "response-outparam" (type $outparam))
    (core module $guest (func (export "handle") (param i32 i32)) (func (export "more")))
    (core instance $guest (instantiate $guest))
    (func $handle (param "request" (own $request)) (param "response-out" (own $outparam))
        (canon lift (core func $guest "handle")))
    (instance $handler (export "handle" (func $handle)))
    (export "wasi:http/incoming-handler@0.2.0" (instance $handler))
    (func (export "more") (canon lift (core func $guest "more"))))"#;
