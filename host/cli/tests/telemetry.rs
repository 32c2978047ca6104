//! What the server tells of its exchanges: in the log, and at the admin endpoint.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use support::{Server, command, read_until};
use windhover_tests::{guest_file, secure};

#[test]
fn each_exchange_is_a_line_of_the_log_when_it_has_ended() {
    let server = Server::run(serve(&["--access-log", "--log-format", "json"], "echoes"));
    server.ask("POST /all?30 HTTP/1.1\r\nhost: a.example:80\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc");
    server.ask("GET / HTTP/1.0\r\n\r\n");
    // No app sees this.
    server.ask("GET / HTTP/1.1\r\n\r\n");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(!log.contains("all?"), "{log}");
    let lines = lines(&log);
    let [first, second, third] = lines.as_slice() else { panic!("three lines and not {lines:#?}") };
    for (key, expected) in [
        ("message", "exchange"),
        ("method", "POST"),
        ("scheme", "http"),
        ("host", "a.example:80"),
        ("path", "/all"),
        ("protocol", "1.1"),
        ("app", "echoes"),
        ("level", "INFO"),
    ] {
        assert_eq!(first[key], expected, "{key}: {first:#}");
    }
    assert_eq!(
        (&first["status"], &first["received"], &first["sent"]),
        (&200.into(), &3.into(), &3.into()),
        "{first:#}"
    );
    assert!(first["ms"].as_f64() >= first["head_ms"].as_f64() && first["head_ms"].as_f64() > Some(0.0), "{first:#}");
    assert!(first["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")), "{first:#}");
    assert!(first["id"].as_str().is_some_and(|id| id.ends_with(":1")), "{first:#}");
    assert_eq!(first["version"].as_str().map(str::len), Some(12), "{first:#}");
    assert_eq!(first.get("fault"), None, "{first:#}");
    assert_eq!((&second["protocol"], &second["host"]), (&"1.0".into(), &"".into()), "{second:#}");
    assert_eq!((&third["message"], &third["status"]), (&"rejected".into(), &400.into()), "{third:#}");
    assert!(third["fault"].as_str().is_some_and(|fault| fault.contains("Host")), "{third:#}");
}

#[test]
fn an_exchange_that_breaks_off_says_why() {
    let server = Server::run(serve(&["--access-log", "--log-format", "json"], "traps"));
    server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let mut stream = server.connect();
    stream.write_all(b"POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").expect("the server reads");
    read_until(&mut stream, "the first piece\n");
    stream.write_all(b"go").expect("the server reads");
    let _ = stream.read_to_end(&mut Vec::new()); // it breaks
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    let lines = lines(&log);
    let [trapped, broken] = lines.as_slice() else { panic!("two lines and not {lines:#?}") };
    assert_eq!((&trapped["status"], trapped.get("fault")), (&500.into(), None), "{trapped:#}");
    assert_eq!(broken["fault"], "guest: the guest trapped", "{broken:#}");
}

#[test]
fn what_a_client_sends_cannot_forge_a_line() {
    let server = Server::run(serve(&["--access-log"], "rust-hello"));
    server.ask("GET /%0AINFO%20forged%1B[31m%22 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(log.contains(r#"path="/\nINFO forged\u{1b}[31m\"""#), "{log}");
    assert!(!log.contains("\nINFO forged") && !log.contains('\u{1b}'), "{log}");
}

#[test]
fn without_being_asked_nothing_is_logged_of_an_exchange() {
    let server = Server::run(serve(&[], "rust-hello"));
    server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(!log.contains("exchange"), "{log}");
}

#[test]
fn the_admin_endpoint_counts_and_tells_whether_the_server_lives_and_takes_requests() {
    let server = Server::run(serve(&["--admin-url", "http://127.0.0.1:0"], "echoes"));
    let admin = admin_of(&server);
    let get = |path: &str| ask(&admin, &format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
    server.ask("POST /all HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc");
    server.ask("BREW /measure HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.ask("GET / HTTP/1.1\r\n\r\n");
    let mut open = server.connect();
    open.write_all(b"GET /measure HTTP/1.1\r\nhost: a\r\n\r\n").expect("the server reads");
    read_until(&mut open, "nothing");
    let accept = "accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";
    let ask_for_metrics =
        || ask(&admin, &format!("GET /metrics HTTP/1.1\r\nhost: a\r\n{accept}connection: close\r\n\r\n"));
    // A connection is counted until its task has ended, a moment after its client has seen the end.
    let metrics =
        (0..MAX_LOOKS).map(|_| ask_for_metrics()).find(|metrics| metrics.contains("windhover_active_connections 1\n"));
    let metrics = metrics.unwrap_or_else(ask_for_metrics);
    assert!(
        metrics.contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"),
        "{metrics}"
    );
    for expected in [
        "http_server_request_duration_seconds_count{http_request_method=\"POST\",http_response_status_code=\"200\",\
         network_protocol_version=\"1.1\",url_scheme=\"http\",app=\"echoes\"} 1\n",
        "http_request_method=\"_OTHER\"",
        "windhover_rejected_requests_total{reason=\"",
        "windhover_request_content_bytes_total{app=\"echoes\"} 3\n",
        "windhover_active_connections 1\n",
        "windhover_upgraded_connections 0\n",
        "windhover_instances{app=\"echoes\",state=\"at work\"} 0\n",
        "windhover_app{app=\"echoes\",version=\"",
        "http_server_active_requests 0\n",
        "process_resident_memory_bytes ",
        "# EOF\n",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    let classic = get("/metrics");
    assert!(classic.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{classic}");
    assert!(classic.contains("\n# TYPE windhover_rejected_requests_total counter\nwindhover_rejected_requests_total{"));
    assert!(!classic.contains("# EOF") && !classic.contains("# UNIT"), "{classic}");
    assert!(get("/healthz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(get("/readyz").ends_with("It takes requests.\n"));
    assert!(get("/").starts_with("HTTP/1.1 404 Not Found\r\n"));
    let refused = ask(&admin, "POST /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 405 ") && refused.contains("allow: GET, HEAD\r\n"), "{refused}");
}

#[test]
fn connections_are_counted_by_how_they_ended() {
    let args = ["--admin-url", "http://127.0.0.1:0", "--max-connections", "2", "--head-timeout", "1"];
    let server = Server::run(serve(&args, "echoes"));
    let admin = admin_of(&server);
    server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let mut open = server.connect();
    open.write_all(b"GET /measure HTTP/1.1\r\nhost: a\r\n\r\n").expect("the server reads");
    read_until(&mut open, "nothing");
    assert!(server.ask("GET / HTTP/1.1\r\n").starts_with("HTTP/1.1 408 "), "its head never ends");
    let ended = |outcome| format!("windhover_connection_duration_seconds_count{{outcome=\"{outcome}\"}} 1\n");
    let slow = "windhover_rejected_requests_total{reason=\"client_head_too_slow\"} 1\n";
    wait_for_metrics(&admin, &[&ended("closed"), &ended("broken"), slow]);
    let _second = server.connect();
    assert!(server.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n").starts_with("HTTP/1.1 503 "), "it is one too many");
    wait_for_metrics(&admin, &[&ended("closed"), &ended("broken"), &ended("refused")]);
}

#[test]
fn handshakes_that_fail_and_the_end_of_certificates_are_told() {
    let files = secure::Folder::new();
    let certificate = files.write_certificate("own.pem", secure::certificate());
    let written = format!(
        "[admin]\nurl = 'http://127.0.0.1:0'\n[endpoints.a]\nurl = 'https://127.0.0.1:0'\ntls.certificate = '{}'\n\
         [endpoints.b]\nurl = 'http://127.0.0.1:0'\n[apps.a]\ncomponent = '{}'\n",
        certificate.display(),
        guest_file("rust-hello").display()
    );
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let mut server = Server::run(command().args(["serve", "--no-cache"]).current_dir(folder.path()));
    let metrics = ask(&admin_of(&server), "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    let not_after = metrics
        .lines()
        .find_map(|line| line.strip_prefix("windhover_certificate_not_after_seconds{endpoint=\"a\",name=\"\"} "));
    let not_after: u64 = not_after.unwrap_or_else(|| panic!("{metrics}")).parse().expect("it is a number");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is after 1970").as_secs();
    assert!(not_after > now, "{metrics}");
    let secured = server.printed.iter().find_map(|line| line.strip_prefix("Listening on https://"));
    let mut stream = TcpStream::connect(secured.expect("it is told")).expect("it listens where it said");
    stream.write_all(b"\x16\x03\x01\x00\x05hello").expect("the server reads");
    let _ = stream.read_to_end(&mut Vec::new());
    let line = server.wait_for("a TLS handshake failed: ");
    assert!(line.contains(" INFO ") && line.contains("client=\"127.0.0.1:"), "{line}");
}

#[test]
fn before_it_leaves_it_says_so_and_goes_on_for_as_long_as_it_is_told() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let written = format!(
        "[server]\npre-stop-delay = '1h'\n[admin]\nurl = 'http://127.0.0.1:0'\n[endpoints.a]\nurl = 'http://127.0.0.1:0'\n\
         [apps.a]\ncomponent = '{}'\n",
        guest_file("rust-hello").display()
    );
    std::fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
    let mut server = Server::run(command().args(["serve", "--no-cache"]).current_dir(folder.path()));
    let admin = admin_of(&server);
    let ready = || ask(&admin, "GET /readyz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(ready().starts_with("HTTP/1.1 200 "));
    server.signal(Signal::TERM);
    server.wait_for("leaving in 3600 s");
    assert!(ready().starts_with("HTTP/1.1 503 "));
    // It says that nothing follows, and nothing does, so that a proxy comes by a connection of another server.
    let answer = server.ask("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("Hello from WebAssembly!\n"), "{answer}");
    server.signal(Signal::INT);
    assert_eq!(server.ended().status.code(), Some(1));
}

fn serve<'a>(args: &[&str], guest: &str) -> &'a mut std::process::Command {
    let mut command = Box::new(command());
    command.args(["serve", "--url", "http://127.0.0.1:0", "--no-cache"]).args(args).arg(guest_file(guest));
    Box::leak(command)
}

fn admin_of(server: &Server) -> String {
    let found = server.printed.iter().find_map(|line| line.strip_prefix("Administered at http://"));
    found.expect("it is told").to_owned()
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens where it said");
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers and closes");
    answer
}

/// Waits until the metrics say so: a client sees the end of its connection before it is counted.
fn wait_for_metrics(admin: &str, awaited: &[&str]) {
    let begun = Instant::now();
    loop {
        let metrics = ask(admin, "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        if awaited.iter().all(|line| metrics.contains(line)) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{awaited:#?}: {metrics}");
    }
}

/// The lines about exchanges, in JSON.
fn lines(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "exchange" || line["message"] == "rejected").collect()
}

/// How often metrics are asked for until a count is right.
const MAX_LOOKS: usize = 1_000;
