//! `windhover check` as its users meet it: what it tells people and programs, and its exit code. Runs the real binary.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use windhover_tests::guest_file;

#[test]
fn an_app_of_the_feature_world_is_told_in_a_few_lines() {
    assert_eq!(
        told(&["facts"], 0),
        "facts.wasm
  component  SIZE bytes, 3 core modules
  world      windhover:http/application 0.1
  language   Rust, by rustc VERSION
  features   connection, server-addresses
  imports    wasi:cli 0.2.6: environment, exit, stderr, stdin, stdout, terminal-input,
               terminal-output, terminal-stderr, terminal-stdin, terminal-stdout
             wasi:io 0.2.6: error, poll, streams
             windhover:http 0.1.0: connection, request, response, server-addresses
  may want   environment variables: grants.environment
  served by  Windhover HTTP server
"
    );
}

#[test]
fn a_standard_component_that_reaches_out_is_told_in_a_few_lines() {
    assert_eq!(
        told(&["reaches-out"], 0),
        "reaches_out.wasm
  component  SIZE bytes, 3 core modules
  world      wasi:http/proxy 0.2
  language   Rust, by rustc VERSION
  imports    wasi:cli 0.2.12: environment, exit, stderr, stdin, stdout, terminal-input,
               terminal-output, terminal-stderr, terminal-stdin, terminal-stdout
             wasi:clocks 0.2.12: monotonic-clock, wall-clock
             wasi:filesystem 0.2.12: preopens, types
             wasi:http 0.2.12: outgoing-handler, types
             wasi:io 0.2.12: error, poll, streams
             wasi:sockets 0.2.12: instance-network, ip-name-lookup, network, tcp, tcp-create-socket,
               udp, udp-create-socket
  may want   folders: grants.folders
             environment variables: grants.environment
             outbound HTTP: grants.outbound
             network
             (this version grants none of them; most languages import more than an app uses)
  served by  Windhover HTTP server
"
    );
}

/// A component with what StarlingMonkey is known by.
#[test]
fn an_engine_that_answers_once_and_keeps_what_it_reads_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let app = folder.path().join("app.wat");
    let text = r#"(component
        (import "wasi:http/types@0.2.10" (instance))
        (core module
            (func)
            (export "wizer.resume" (func 0))
            (export "wasi:http/incoming-handler@0.2.10#handle" (func 0)))
        (instance $handler)
        (export "wasi:http/incoming-handler@0.2.10" (instance $handler)))"#;
    fs::write(&app, text).expect("the folder is there");
    let output = Command::new(env!("CARGO_BIN_EXE_windhover")).arg("check").arg(&app).output().expect("it runs");
    let told = String::from_utf8(output.stdout).expect("it is text");
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        told.contains(" reuse none: this engine (StarlingMonkey with the fetch event) answers one request"),
        "{told}"
    );
    assert!(told.contains(" limits limits.max-resource-memory, because this engine (StarlingMonkey) keeps"), "{told}");
    assert!(told.contains("128MiB are enough for 8 GiB of it"), "{told}");
}

#[test]
fn what_middleware_needs_and_answers_counts() {
    let told = told(&["rust-hello", "tells-remote", "rust-remote-address"], 0);
    assert!(
        told.contains("\n  behind     tells_remote.wasm (Rust, by rustc VERSION)\n  behind     rust_rem"),
        "{told}"
    );
    assert!(told.contains("\n  features   connection\n"), "{told}");
    assert!(told.contains("windhover:http 0.1.0: connection, request, response\n"), "{told}");
    let warning = "\n  warning    rust_remote_address.wasm exports windhover:http/connection@0.1.0, which no component";
    assert!(told.contains(warning), "{told}");
}

#[test]
fn a_middleware_alone_is_told_how_to_be_served() {
    let told = told(&["rust-basic-auth"], 1);
    assert!(told.contains("  world      windhover:http/application 0.1, as middleware\n"), "{told}");
    let remedy = "next: the component is middleware; serve an app, and name this file with --middleware\n";
    assert!(told.contains("\n  not by     Windhover HTTP server:\n") && told.ends_with(remedy), "{told}");
    let told = self::told(&["rust-remote-address"], 1);
    assert!(told.contains("  world      middleware that exports windhover:http/connection@0.1.0\n"), "{told}");
}

#[test]
fn a_server_of_ones_own_is_judged_by_the_features_that_it_offers() {
    let check = |offers: &str, guest: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_windhover"));
        let output = command.args(["check", "--offers", offers]).arg(guest_file(guest)).output().expect("it runs");
        // Where lines are broken depends on the path.
        let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).split_whitespace().collect::<Vec<_>>().join(" ");
        (output.status.code(), words(&output.stdout), words(&output.stderr))
    };
    for (offers, guest, refused) in [
        ("none", "echoes", None),
        ("none", "facts", Some("connection")),
        ("connection,tls", "facts", Some("server-addresses")),
        ("connection, server-addresses", "facts", None),
    ] {
        let (code, told, _) = check(offers, guest);
        assert_eq!(code, Some(if refused.is_none() { 0 } else { 1 }), "{told}");
        let expected = match refused {
            None => "served by a server that offers these features".to_owned(),
            Some(feature) => format!("facts.wasm needs the feature windhover:http/{feature}, which this server"),
        };
        assert!(told.contains(&expected), "{told}");
    }
    let (code, _, error) = check("connections", "facts");
    assert_eq!(code, Some(2), "{error}");
    assert!(error.contains("there is no feature \"connections\"; there are authentication, "), "{error}");
}

#[test]
fn programs_are_told_the_same_as_people() {
    let (report, code) = json(&["facts", "rust-remote-address"]);
    assert_eq!(
        (&report["file"], &report["kind"], &report["can_serve"]),
        (&json!("facts.wasm"), &json!("component"), &json!(true))
    );
    assert_eq!((&report["problem"], &report["warnings"], code), (&Value::Null, &json!([]), 0));
    assert_eq!(report["middleware"][0]["file"], "rust_remote_address.wasm");
    let component = &report["component"];
    assert_eq!(
        (&component["world"], &component["format"]),
        (&json!("windhover:http/application 0.1"), &json!("binary"))
    );
    assert_eq!((&component["language"], &component["core_modules"]), (&json!("Rust"), &json!(3)));
    assert!(component["tools"][0].as_str().expect("a tool has a name").starts_with("rustc 1."), "{component}");
    assert!(component["size"].as_u64().expect("a size is a number") > 10_000, "{component}");
    let mut features: Vec<&str> = strings(&component["features"]);
    features.sort_unstable();
    assert_eq!(features, ["connection", "server-addresses"]);
    assert!(strings(&component["imports"]).contains(&"windhover:http/connection@0.1.0"), "{component}");
    assert_eq!(component["exports"], json!(["handle"]));
    let wants = &component["may_want"][0];
    assert_eq!((&wants["grant"], &wants["option"]), (&json!("environment variables"), &json!("grants.environment")));
    let servers = json!([{ "name": "Windhover HTTP server", "can_serve": true, "problem": null }]);
    assert_eq!(component["servers"], servers);
}

#[test]
fn every_file_that_cannot_be_served_is_told_what_it_is_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let importing = |name: &str| HANDLER.replace("(component", &format!("(component (import \"{name}\" (instance))"));
    let exporting = |name: &str| format!("(component (instance $i) (export \"{name}\" (instance $i)))");
    for (content, kind, world, expected) in [
        ("", "not-webassembly", None, "app.wasm is not WebAssembly: it is empty"),
        ("#!/bin/sh", "not-webassembly", None, "Name a component: a .wasm file, or its text as .wat."),
        ("(module)", "core-module", None, "app.wasm is a core module, and a server runs components"),
        ("(component", "invalid", None, "app.wasm is not valid WebAssembly text"),
        ("\0asm\x0d\0\x01\0garbage", "invalid", None, "app.wasm does not compile"),
        ("(component (core module (func (result i32))))", "invalid", None, "app.wasm does not compile: type mismatch"),
        ("(component)", "component", None, "app.wasm has no handler for requests; it exports nothing"),
        (&exporting("wasi:cli/run@0.2.6"), "component", Some("wasi:cli/command 0.2.6"), "It is a command-line program"),
        (&importing("acme:a/b@1.0.0"), "component", Some(APPLICATION), "acme:a/b@1.0.0: compose the guest with"),
        (&importing("windhover:http/teapot@0.1.0"), "component", Some(APPLICATION), "does not have this feature"),
        (&importing("windhover:http/request@9.0.0"), "component", Some(APPLICATION), "has windhover:http 0.1.0"),
        (&importing("wasi:http/types@0.4.0"), "component", Some(APPLICATION), "has WASI 0.2 and 0.3;"),
        (&importing("wasi:cli/stdout@0.1.0"), "component", Some(APPLICATION), "has WASI 0.2 and 0.3;"),
        (&importing("wasi:keyvalue/store@0.2.0"), "component", Some(APPLICATION), "Windhover does not offer this part"),
    ] {
        fs::write(folder.path().join("app.wasm"), content).expect("a new folder can be written to");
        let output = check(folder.path(), &["app.wasm"]);
        let said = [text(&output.stdout), text(&output.stderr)].concat();
        assert!(said.contains(expected) && output.status.code() == Some(1), "{said}\n--- expected ---\n{expected}");
        assert_eq!(output.stdout.is_empty(), kind != "component", "{said}");

        let output = check(folder.path(), &["app.wasm", "--json"]);
        let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON in any case");
        assert_eq!((&report["kind"], &report["can_serve"]), (&json!(kind), &json!(false)), "{content}");
        assert_eq!(report["component"]["world"], json!(world), "{content}");
        let problem = [&report["problem"], &report["component"]["servers"][0]["problem"]];
        let problem = problem.into_iter().find_map(Value::as_str).expect("a problem has words");
        assert!(problem.contains(expected), "{problem}\n--- expected ---\n{expected}");
        assert!(output.stderr.is_empty() && output.status.code() == Some(1));
    }
    let output = check(folder.path(), &["missing.wasm"]);
    assert!(text(&output.stderr).starts_with("windhover: cannot read missing.wasm: "));
    let output = check(folder.path(), &["app.wasm", "--middleware", "missing.wasm", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON in any case");
    assert_eq!(report["kind"], "component", "the app is one, whatever its middleware is");
    assert!(report["problem"].as_str().is_some_and(|problem| problem.starts_with("cannot read missing.wasm: ")));
    let output = check(folder.path(), &["app.wasm", "--middleware", "app.wasm"]);
    assert!(text(&output.stderr).starts_with("windhover: app.wasm is not middleware; it exports handle.\n"));
}

/// One code judges for both: for each of these, `check` says what `serve` does, and in the same words.
#[test]
fn what_check_says_is_what_serve_does() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let with = |what: &str| HANDLER.replace("(core module $guest", &format!("(core module $guest {what}"));
    let repeated = |what: &str, times: usize| with(&what.repeat(times));
    let wasi3 = |version: &str| importing(&format!("wasi:http/types@{version}"));
    let exports = |name: &str| format!("(component (instance $i) (export \"{name}\" (instance $i)))");
    let instances = |count: usize| {
        let each = "(core instance (instantiate $guest))".repeat(count);
        HANDLER.replace("(func (export \"handle\") (canon", &format!("{each}(func (export \"handle\") (canon"))
    };
    let stdout = |function: &str| {
        let instance = format!("(instance (export \"get-stdout\" {function}))");
        HANDLER.replace("(component", &format!("(component (import \"wasi:cli/stdout@0.2.0\" {instance})"))
    };
    // The text, and what is said of it; "" is nothing: it is served.
    for (text, expected) in [
        (HANDLER.to_owned(), ""),
        (wasi3("0.2.0"), ""),
        (wasi3("0.2.99"), ""),
        (wasi3("0.3.0"), ""),
        (wasi3("0.3.0-rc-2026-01-06"), "wasi:http/types@0.3.0-rc-2026-01-06: it belongs to a draft"),
        (wasi3("0.2.0-rc-2023-12-05"), "wasi:http/types@0.2.0-rc-2023-12-05: it belongs to a draft"),
        (importing("wasi:io/streams@0.2.0-rc-2023-11-10"), "it belongs to a draft"),
        (importing("wasi:cli/stdout@0.3.0-rc-2025-09-16"), "it belongs to a draft"),
        (importing("wasi:config/store@0.2.0-rc.1"), ""),
        (importing("wasi:config/store@0.2.0-rc.2"), "it belongs to a draft"),
        (importing("wasi:io/streams@0.3.0"), "has no wasi:io"),
        (exports("wasi:http/incoming-handler@0.2.0-rc-2023-12-05"), "Its handler belongs to a draft"),
        (exports("wasi:http/handler@0.3.0-rc-2026-01-06"), "Its handler belongs to a draft"),
        (exports("wasi:http/incoming-handler@0.2.3"), "does not fit this host"),
        (stdout("(func)"), "does not fit this host"),
        (
            HANDLER
                .replace("(func (export \"handle\"))", "(func (export \"handle\") (param i32))")
                .replace("(func (export \"handle\") (canon", "(func (export \"handle\") (param \"a\" u32) (canon"),
            "does not fit this host",
        ),
        (HANDLER.replace("(export \"handle\"))", "(export \"handle\") unreachable i32.add drop)"), ""),
        (HANDLER.replace("(export \"handle\"))", "(export \"handle\") (i32.const 1))"), "does not compile"),
        (with("(table 65537 funcref)"), ""),
        (with("(table 262144 funcref)"), ""),
        (with("(table 262145 funcref)"), "a table that begins with 262145 elements, but the limit is 262144"),
        (repeated("(table 1 funcref)", 4), ""),
        (repeated("(table 1 funcref)", 5), "5 tables, but this host allows 4"),
        (repeated("(memory 1)", 2), ""),
        (repeated("(memory 1)", 3), "3 memories, but this host allows 2"),
        (with("(memory 2048)"), ""),
        (with("(memory 2049)"), "--max-memory 129"),
        (repeated("(memory 1025)", 2), "128.1 MiB of memory at its start, but its limit is 128 MiB"),
        (with("(memory 2048) (table 1 funcref)"), "--max-memory 129"),
        (with("(memory i64 1)"), ""),
        (with("(memory i64 65537)"), "a memory that begins with 4295032832 bytes"),
        (with("(memory 1 2 shared)"), "a memory that threads share"),
        (with("(type (struct (field i32)))"), ""),
        (with("(tag)"), ""),
        (with("(memory 1 (pagesize 1))"), "does not compile"),
        (instances(255), ""),
        (instances(256), "257 core modules, but this host allows 256"),
    ] {
        fs::write(folder.path().join("app.wat"), &text).expect("a new folder can be written to");
        let checked = check(folder.path(), &["app.wat"]);
        let said = [text_of(&checked.stdout), text_of(&checked.stderr)].concat();
        assert_eq!(checked.status.success(), expected.is_empty(), "{text}\n{said}");
        assert!(said.contains(expected), "{text}\n{said}");
        let served = serve(&folder.path().join("app.wat"));
        assert_eq!(served.is_none(), expected.is_empty(), "{text}\n{served:?}");
        assert!(served.unwrap_or_default().contains(expected), "{text}");
    }
    // What is behind a feature of the server, and what a limit allows.
    fs::write(folder.path().join("app.wat"), with("(memory 2049)")).expect("a new folder can be written to");
    assert!(check(folder.path(), &["app.wat", "--max-memory", "129"]).status.success());
    fs::write(
        folder.path().join("windhover.toml"),
        "apps.one.component = 'app.wat'\n[apps.two]\ncomponent = 'app.wat'\nroutes = ['/two']\nlimits.max-memory = '129MiB'\n",
    )
    .expect("a new folder can be written to");
    let told = check(folder.path(), &["--config", "windhover.toml"]);
    let told = text_of(&told.stdout);
    assert!(told.contains("apps.NAME.limits.max-memory") && told.matches("served by").count() == 1, "{told}");
}

/// Starts a server with an app. `None`: it listens; else why it does not.
fn serve(app: &Path) -> Option<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windhover"));
    command.args(["serve", "--no-cache", "--url", "http://127.0.0.1:0"]).arg(app);
    let mut server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command runs");
    let stdout = server.stdout.take().expect("it is piped");
    let listens = BufReader::new(stdout).lines().map_while(Result::ok).any(|line| line.starts_with("Listening on "));
    if listens {
        let _ = server.kill();
    }
    let output = server.wait_with_output().expect("it ends");
    (!listens).then(|| text_of(&output.stderr).to_owned())
}

fn text_of(bytes: &[u8]) -> &str {
    text(bytes)
}

fn importing(interface: &str) -> String {
    HANDLER.replace("(component", &format!("(component (import \"{interface}\" (instance))"))
}

#[test]
fn a_file_to_send_is_a_grant_that_an_option_gives() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let sends = HANDLER.replace("(component", "(component (import \"windhover:http/send-file@0.1.0\" (instance))");
    fs::write(folder.path().join("app.wat"), sends).expect("a new folder can be written to");
    let told = check(folder.path(), &["app.wat"]).stdout;
    assert!(text(&told).contains("\n  may want   files to send: --files FOLDER\n"), "{}", text(&told));
}

/// What is told of guests by name, the app first. What depends on the compiler is taken out.
fn told(guests: &[&str], code: i32) -> String {
    let (folder, args) = files(guests);
    let output = check(&folder, &args);
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    let mut told = text(&output.stdout).to_owned();
    for (before, placeholder) in [("rustc ", "VERSION"), ("component  ", "SIZE")] {
        let parts: Vec<&str> = told.split(before).collect();
        let cut =
            |part: &str| part.trim_start_matches(|char: char| char.is_ascii_digit() || ".,".contains(char)).to_owned();
        let rest: String = parts[1..].iter().map(|part| format!("{before}{placeholder}{}", cut(part))).collect();
        told = format!("{}{rest}", parts[0]);
    }
    told
}

fn json(guests: &[&str]) -> (Value, i32) {
    let (folder, mut args) = files(guests);
    args.push("--json".to_owned());
    let output = check(&folder, &args);
    let report = serde_json::from_slice(&output.stdout).expect("it is JSON");
    (report, output.status.code().expect("it ended by itself"))
}

/// The folder of the guests, and the arguments that name them.
fn files(guests: &[&str]) -> (std::path::PathBuf, Vec<String>) {
    let file = |name: &&str| guest_file(name).file_name().expect("it is a file").to_string_lossy().into_owned();
    let folder = guest_file(guests[0]).parent().expect("a file is in a folder").to_owned();
    let middleware = guests[1..].iter().flat_map(|name| ["--middleware".to_owned(), file(name)]);
    (folder, [file(&guests[0])].into_iter().chain(middleware).collect())
}

fn check(folder: &Path, args: &[impl AsRef<std::ffi::OsStr>]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_windhover"));
    command.current_dir(folder).arg("check").args(args).output().expect("the command runs")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("what it says is text")
}

fn strings(values: &Value) -> Vec<&str> {
    values.as_array().expect("it is a list").iter().filter_map(Value::as_str).collect()
}

const APPLICATION: &str = "windhover:http/application 0.1";

const HANDLER: &str = r#"(component
    (core module $guest (func (export "handle")))
    (core instance $guest (instantiate $guest))
    (func (export "handle") (canon lift (core func $guest "handle"))))"#;
