//! Several apps in one server: what leads to each, what each is granted, and how they change while they are served.

#![cfg(unix)] // it asks the server to read its configuration anew by a signal

mod support;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use rustix::process::Signal;
use support::{Server, ask_at, command, read_until};
use windhover_tests::guest_file;

#[test]
fn each_host_and_path_leads_to_its_app() {
    let site = Site::new();
    site.write(&format!(
        "{}{}{}{}{}{}",
        site.app("everything", "rust-hello", "routes = ['/']"),
        site.app("shop", "facts", "routes = ['shop.example.org/', '*.example.org/shop', '/the shop']"),
        site.app("deep", "answers", "routes = ['shop.example.org/deep']"),
        site.app("forms", "facts", "routes = ['Dot.example.org./', 'bücher.example.org/', '[0:0:0:0:0:0:0:1]/']"),
        site.app("broken", "missing", "routes = ['/broken']"),
        "[server]\nhosts = ['a', 'example.org', '*.Example.org.', '[::1]']\n",
    ));
    let server = site.serve();
    let get = |host: &str, path: &str| {
        server.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"))
    };
    for (host, path, base, rest) in [
        ("shop.example.org", "/", "", "/"),
        ("SHOP.example.org:8080", "/a/b?c", "", "/a/b"),
        ("www.example.org", "/shop", "/shop", "/"),
        ("www.example.org", "/shop/cart", "/shop", "/cart"),
        ("a", "/the%20shop/cart", "/the%20shop", "/cart"),
        ("a", "/x/../the%20shop/", "/the%20shop", "/"),
        ("shop.example.org", "/deeper", "", "/deeper"),
        ("shop.example.org.", "/", "", "/"),
        ("www.example.org.:8080", "/shop", "/shop", "/"),
        ("dot.example.org", "/", "", "/"),
        ("DOT.example.org.", "/", "", "/"),
        ("xn--bcher-kva.example.org", "/", "", "/"),
        ("XN--Bcher-kva.example.org", "/", "", "/"),
        ("[::1]:8080", "/", "", "/"),
        ("[::0:1]", "/", "", "/"),
    ] {
        let answer = get(host, path);
        assert!(answer.contains(&format!("\npath-base: {base:?}\n")), "{host}{path}: {answer}");
        assert!(answer.contains(&format!("\npath: {rest:?}\n")), "{host}{path}: {answer}");
    }
    for (host, path) in
        [("a", "/"), ("www.example.org", "/shopping"), ("example.org", "/shop"), ("a", "/the%20shop%2fx")]
    {
        assert!(get(host, path).ends_with("Hello from WebAssembly!\n"), "{host}{path}");
    }
    assert!(get("b", "/").starts_with("HTTP/1.1 400 Bad Request\r\n"));
    let broken = get("a", "/broken");
    assert!(
        broken.starts_with("HTTP/1.1 503 Service Unavailable\r\n") && broken.contains("retry-after: 1\r\n"),
        "{broken}"
    );
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("cannot read") && log.contains("missing.wasm") && log.contains("app=broken"), "{log}");
}

#[test]
fn an_app_whose_websockets_hold_all_of_its_instances_leaves_others_theirs() {
    let site = Site::new();
    site.write(&format!(
        "{}{}[server]\nmax-instances = 6\n",
        site.app("talks", "uses-features", "routes = ['/talks']\n[apps.talks.limits]\nmax-queue = 0"),
        site.app("hello", "rust-hello", "routes = ['/hello']\n[apps.hello.limits]\nmax-queue = 0"),
    ));
    let server = site.serve();
    let handshake = "GET /talks/websocket/accept HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
    let open: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = server.connect();
            stream.write_all(handshake.as_bytes()).expect("the server reads");
            let head = support::read_until(&mut stream, "\r\n\r\n");
            (stream, head)
        })
        .collect();
    let status = |head: &str| head.split(' ').nth(1).map(str::to_owned).unwrap_or_default();
    let statuses: Vec<_> = open.iter().map(|(_, head)| status(head)).collect();
    assert_eq!(statuses, ["101", "101", "101", "503", "503", "503"], "it has half of them");
    let answer = server.ask("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.ends_with("Hello from WebAssembly!\n"), "{answer}");
    drop(open);
}

#[test]
fn a_guest_that_cannot_be_reused_is_told_of_once() {
    let site = Site::new();
    let keys = "reuse = { mode = 'serial' }\nlimits = { max-instances = 1 }";
    site.write(&site.app("once", "wasi-counts", keys));
    let server = site.serve();
    let get = || server.ask("GET /once HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let answers: Vec<bool> = (0..6).map(|_| get().starts_with("HTTP/1.1 200 OK\r\n")).collect();
    assert_eq!(answers, [true, false, true, true, true, true]);
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert_eq!(
        log.matches("this guest cannot be reused; from now on each request has a fresh instance").count(),
        1,
        "{log}"
    );
}

#[test]
fn a_guest_that_is_ended_for_what_it_holds_or_waits_for_is_told_why() {
    let site = Site::new();
    let holds = site.app("holds", "wasi-hoards", "routes = ['/']\nlimits = { max-resource-memory = '1MiB' }");
    site.write(&format!("{holds}{}", site.app("early", "wasi-writes-early", "routes = ['early/']")));
    let server = site.serve();
    for (host, path) in [("a", "/fields/10000"), ("early", "/")] {
        let answer = server.ask(&format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    }
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains("take more memory than their limit (max-resource-memory), 1048576 bytes"), "{log}");
    assert!(log.contains("it filled the buffer of its content before it called response-outparam.set"), "{log}");
}

#[test]
fn where_nothing_leads_to_an_app_is_404() {
    let site = Site::new();
    site.write(&site.app("shop", "rust-hello", "routes = ['/shop']"));
    let server = site.serve();
    assert!(
        server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").starts_with("HTTP/1.1 404 Not Found\r\n")
    );
}

#[test]
fn an_app_has_what_it_is_granted_and_another_has_not() {
    let site = Site::new();
    fs::create_dir(site.path("data")).expect("a folder can be made");
    fs::write(site.path("data/a.txt"), "of the file").expect("it can be written to");
    fs::write(site.path("secret.txt"), "open sesame\n").expect("it can be written to");
    let grants = "
        [apps.rich.grants]
        environment = { PLACE = 'here' }
        secrets = { PASSWORD = { file = 'secret.txt' }, TOKEN = { env = 'WINDHOVER_TEST_TOKEN' } }
        config = { colour = 'red' }
        folders = { '/data' = { path = 'data' }, '/own' = { path = 'data', access = 'read-write' } }
    ";
    site.write(&format!(
        "{}{grants}{}",
        site.app("rich", "wasi-granted", "routes = ['rich/']"),
        site.app("poor", "wasi-granted", "routes = ['poor/']"),
    ));
    let server = Server::run(site.command().env("WINDHOVER_TEST_TOKEN", "a token"));
    let get = |host: &str, path: &str| {
        let answer = server.ask(&format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n"));
        answer.split_once("\r\n\r\n").expect("there is content").1.to_owned()
    };
    let none = "environment variable not found";
    for (path, rich, poor) in [
        ("/variable/PLACE", "here", none),
        ("/variable/PASSWORD", "open sesame", none),
        ("/variable/TOKEN", "a token", none),
        ("/variable/HOME", none, none),
        ("/config/colour", "red", "none of 0"),
        ("/config/size", "none of 1", "none of 0"),
        ("/read/data/a.txt", "of the file", "entity not found"),
        ("/read/data/../secret.txt", "operation not permitted", "entity not found"),
        ("/write/data/b.txt", "operation not permitted", "entity not found"),
        ("/write/own/b.txt", "done", "entity not found"),
        ("/read/data/b.txt", "written\n", "entity not found"),
    ] {
        let is = |host, expected: &str| {
            let got = get(host, path);
            // What WASI says in place of an errno differs in its words only.
            let is_refusal = expected.contains("not") && !got.is_empty() && got != "done" && !got.contains("written");
            assert!(got == expected || is_refusal && expected != none, "{host} {path}: {got:?}, not {expected:?}");
        };
        is("rich", rich);
        is("poor", poor);
    }
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(!log.contains("sesame") && !log.contains("a token"), "{log}");
}

#[test]
fn a_grant_that_cannot_be_given_is_that_apps_affair() {
    let site = Site::new();
    let grants = |name: &str, grants: &str| {
        site.app(name, "rust-hello", &format!("routes = ['{name}/']")) + &format!("[apps.{name}.grants]\n{grants}\n")
    };
    site.write(&format!(
        "{}{}{}{}",
        grants("a", "files = 'none'"),
        grants("b", "secrets = { A = { env = 'WINDHOVER_TEST_ABSENT' } }"),
        grants("c", "folders = { '/d' = { path = 'none' } }"),
        grants("d", ""),
    ));
    let server = site.serve();
    for host in ["a", "b", "c"] {
        let answer = server.ask(&format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"));
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    }
    assert!(server.ask("GET / HTTP/1.1\r\nhost: d\r\nconnection: close\r\n\r\n").starts_with("HTTP/1.1 200 "));
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    for expected in [
        "none as the folder of files to send; it must be an existing folder",
        "the environment variable WINDHOVER_TEST_ABSENT of the secret A is not set",
        "none as /d; it must be an existing folder",
    ] {
        assert!(log.contains(expected), "{expected}: {log}");
    }
}

#[test]
fn a_component_that_changes_takes_the_old_ones_place_and_a_bad_one_does_not() {
    let site = Site::new();
    site.write(&(site.app("own", "rust-hello", "") + "[server]\nwatch-interval = '50ms'\n"));
    let own = site.path("own.wasm");
    fs::copy(guest_file("rust-hello"), &own).expect("a guest can be copied");
    site.write(&format!("[server]\nwatch-interval = '20ms'\n[apps.own]\ncomponent = '{}'\n", own.display()));
    let mut server = site.serve();
    assert!(is_hello(&server));
    fs::write(&own, "no component").expect("it can be written to");
    server.wait_for("the new version of the app cannot be loaded, the old one stays");
    assert!(is_hello(&server));
    // As a build does it: beside it, and then in its place.
    fs::copy(guest_file("counts"), site.path("new.wasm")).expect("a guest can be copied");
    fs::rename(site.path("new.wasm"), &own).expect("it can take its place");
    server.wait_for("the new version of the app is served");
    assert!(!is_hello(&server) && server.ask(GET).ends_with("\r\n\r\n1\n"));
}

#[test]
fn a_configuration_that_changes_is_served_and_a_bad_one_is_not() {
    let site = Site::new();
    let head = "[server]\nwatch-interval = '0s'\n";
    site.write(&format!("{head}{}", site.app("a", "rust-hello", "")));
    let mut server = site.serve();
    assert!(is_hello(&server));
    site.write("[server]\nwatch-intervall = '0s'\n");
    server.signal(Signal::HUP);
    server.wait_for("the new configuration is invalid, the old one stays");
    assert!(is_hello(&server));
    fs::remove_file(site.path("windhover.toml")).expect("it is there");
    server.signal(Signal::HUP);
    server.wait_for("cannot read windhover.toml");
    assert!(is_hello(&server));
    site.write(&format!(
        "{head}hosts = ['a']\nworkers = 7\n{}{}",
        site.app("a", "rust-hello", "routes = ['/hello']"),
        site.app("b", "counts", "")
    ));
    server.signal(Signal::HUP);
    server.wait_for("server has changed in windhover.toml; restart the server");
    server.wait_for("the configuration was read again from");
    assert!(server.ask(GET).ends_with("\r\n\r\n1\n"));
    assert!(
        server
            .ask("GET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            .ends_with("Hello from WebAssembly!\n")
    );
    assert!(server.ask("GET / HTTP/1.1\r\nhost: b\r\nconnection: close\r\n\r\n").starts_with("HTTP/1.1 400 "));
    site.write(&format!("{head}{}", site.app("b", "counts", "routes = ['/b']")));
    server.signal(Signal::HUP);
    server.wait_for("the app is no longer served");
    server.wait_for("the configuration was read again from");
    assert!(server.ask(GET).starts_with("HTTP/1.1 404 "));
}

#[test]
fn endpoints_that_change_are_served_and_what_cannot_be_served_changes_nothing() {
    let site = Site::new();
    let head = format!("[server]\nwatch-interval = '0s'\n{}", site.app("a", "rust-hello", ""));
    site.write(&head);
    let mut server = site.serve();
    let reload = |server: &mut Server, more: &str, awaited| {
        site.write(&format!("{head}{more}"));
        server.signal(Signal::HUP);
        server.wait_for(awaited)
    };
    let told = reload(&mut server, "[endpoints.more]\nurl = 'http://127.0.0.1:0'\n", "listening on http://");
    let (_, address) = told.trim_end().rsplit_once("http://").expect("the address is told");
    let is_served = || ask_at(address, GET).is_ok_and(|answer| answer.ends_with("Hello from WebAssembly!\n"));
    assert!(is_served());
    let told = reload(&mut server, "[endpoints.more]\nurl = 'http://192.0.2.1:80'\n", "192.0.2.1:80");
    assert!(told.contains("this machine does not have that address"), "{told}");
    assert!(is_served());
    let tls = "[endpoints.more]\nurl = 'https://127.0.0.1:0'\ntls.certificate = 'missing.pem'\n";
    let told = reload(&mut server, tls, "missing.pem");
    assert!(told.contains("endpoints.more: "), "{told}");
    server.wait_for("endpoints.more has no certificate to use, and stays as it was");
    server.wait_for("the configuration was read again from ");
    assert!(is_served());
    reload(&mut server, "", "no longer listening on http://");
    ask_at(address, GET).expect_err("nobody listens there any more");
    assert!(is_hello(&server));
}

#[test]
fn the_clients_of_websockets_are_told_that_the_server_leaves() {
    let site = Site::new();
    site.write(&site.app("chat", "rust-websocket", ""));
    let server = site.serve();
    let mut client = open_websocket(&server);
    server.signal(Signal::TERM);
    assert_eq!(closed_with(&mut client), 1001);
    client.write_all(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]).expect("the server reads");
    let ended = server.ended();
    assert!(ended.status.success() && ended.stderr.contains("every request was answered"), "{}", ended.stderr);
}

#[test]
fn answers_that_go_on_are_cut_off_when_their_time_is_over_which_is_no_failure() {
    for (setting, code) in [("drain-answer-timeout = '50ms'\n", 0), ("drain-timeout = '50ms'\n", 1)] {
        let site = Site::new();
        site.write(&format!("[server]\n{setting}{}", site.app("streams", "streams", "")));
        let server = site.serve();
        let mut client = server.connect();
        client.write_all(b"POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").expect("the server reads");
        read_until(&mut client, "\r\n\r\n");
        server.signal(Signal::TERM);
        assert_eq!(server.ended().status.code(), Some(code), "{setting}");
    }
}

#[test]
fn a_guest_that_sends_events_learns_that_the_server_leaves() {
    let site = Site::new();
    site.write(&site.app("own", "uses-features", ""));
    let server = site.serve();
    let mut client = server.connect();
    client.write_all(b"GET /life/until-notice HTTP/1.1\r\nhost: a\r\n\r\n").expect("the server reads");
    read_until(&mut client, "begun");
    server.signal(Signal::TERM);
    read_until(&mut client, "6\r\nended\n\r\n0\r\n\r\n");
    assert!(server.ended().status.success());
}

#[test]
fn the_clients_of_websockets_are_told_to_come_again_when_their_app_changes() {
    let site = Site::new();
    let own = site.path("own.wasm");
    fs::copy(guest_file("rust-websocket"), &own).expect("a guest can be copied");
    site.write(&format!("[server]\nwatch-interval = '20ms'\n[apps.own]\ncomponent = '{}'\n", own.display()));
    let server = site.serve();
    let mut client = open_websocket(&server);
    fs::copy(guest_file("rust-hello"), site.path("new.wasm")).expect("a guest can be copied");
    fs::rename(site.path("new.wasm"), &own).expect("it can take its place");
    assert_eq!(closed_with(&mut client), 1012);
    assert!(is_hello(&server));
}

fn open_websocket(server: &Server) -> std::net::TcpStream {
    let mut client = server.connect();
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
                   sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    client.write_all(request.as_bytes()).expect("the server reads");
    support::read_until(&mut client, "\r\n\r\n");
    client
}

/// The code of the close frame that comes next (RFC 6455 §5.5.1), after whatever messages.
fn closed_with(client: &mut std::net::TcpStream) -> u16 {
    loop {
        let mut head = [0; 2];
        client.read_exact(&mut head).expect("a frame comes");
        let mut content = vec![0; usize::from(head[1])];
        client.read_exact(&mut content).expect("the rest of it comes");
        if head[0] == 0x88 {
            return u16::from_be_bytes([content[0], content[1]]);
        }
    }
}

fn is_hello(server: &Server) -> bool {
    server.ask(GET).ends_with("Hello from WebAssembly!\n")
}

/// A folder with a configuration in it.
struct Site(tempfile::TempDir);

impl Site {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, written: &str) {
        let written = format!("{written}\n[endpoints.web]\nurl = 'http://127.0.0.1:0'\n");
        fs::write(self.path("windhover.toml"), written).expect("it can be written to");
    }

    /// An app that is a guest of the tests.
    fn app(&self, name: &str, guest: &str, rest: &str) -> String {
        let file = if guest == "missing" { Path::new("missing.wasm").to_owned() } else { guest_file(guest) };
        format!("[apps.{name}]\ncomponent = '{}'\n{rest}\n", file.display())
    }

    fn command(&self) -> std::process::Command {
        let mut command = command();
        command.args(["serve", "--no-cache"]).current_dir(self.0.path());
        command
    }

    fn serve(&self) -> Server {
        Server::run(&mut self.command())
    }
}

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
