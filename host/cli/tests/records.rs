//! The record of each kind of end of an exchange: the line of the log and the numbers say what was, and whose doing.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use support::folder::Folder;
use support::{Server, ask_at, command, read_until};
use windhover_tests::guest_file;
use windhover_tests::http2::{
    DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, section,
};

/// What a client does after its request.
#[derive(Clone, Copy, PartialEq)]
enum Client {
    /// Takes all that comes, to its end.
    Reads,
    /// Sends some content when it has seen the first of the answer.
    Goes,
    /// Leaves when it has seen the first of the answer.
    Leaves,
    /// Takes nothing, until it is let go of.
    IsDeaf,
}
use Client::{Goes, IsDeaf, Leaves, Reads};

type Row = (&'static str, &'static str, Client, u16, Option<&'static str>, Option<u64>);

/// An exchange, and what its record says: the status (0: there was none), whose fault it was that there is no whole
/// answer, and how much was sent, where that is known.
const EXCHANGES: [Row; 18] = [
    ("GET", "/hello/", Reads, 200, None, Some(24)),
    ("HEAD", "/hello/", Reads, 200, None, Some(0)),
    ("HEAD", "/lies/honest", Reads, 200, None, Some(0)),
    ("GET", "/lies/honest", Reads, 200, None, Some(10)),
    ("GET", "/lies/fewer", Reads, 200, Some("guest_content_length_mismatch"), None),
    ("GET", "/answers/bare?304", Reads, 304, None, Some(0)),
    ("GET", "/answers/?299", Reads, 299, None, Some(8)),
    ("GET", "/answers/?999", Reads, 999, None, Some(8)),
    ("GET", "/traps/", Reads, 500, None, Some(0)),
    ("GET", "/traps/exits", Reads, 200, None, Some(10)),
    ("POST", "/traps/late", Goes, 200, Some("guest_trapped"), Some(16)),
    ("GET", "/spins/", Reads, 504, None, Some(0)),
    ("GET", "/spins/late", Reads, 200, Some("guest_deadline_exceeded"), Some(16)),
    ("GET", "/features/life/abort", Reads, 0, Some("guest_aborted"), Some(0)),
    ("GET", "/features/life/abort-late", Reads, 200, Some("guest_aborted"), Some(6)),
    ("POST", "/streams/endless", Leaves, 200, Some("client_gone"), None),
    ("GET", "/streams/endless", IsDeaf, 200, Some("client_answer_too_slow"), None),
    ("GET", "/nowhere", Reads, 404, None, Some(0)),
];

#[test]
fn each_kind_of_end_is_recorded_as_what_it_was() {
    let app = |name: &str, guest: &str, limits: &str| {
        let component = guest_file(guest);
        format!("[apps.{name}]\ncomponent = '{}'\nroutes = ['/{name}']\n{limits}", component.display())
    };
    let written = [
        "[log]\nformat = 'json'\naccess = true\n[server]\ndrain-timeout = '200ms'\n[admin]\nurl = 'http://127.0.0.1:0'\n",
        "[limits]\nmin-response-data-rate = { bytes-per-second = 10000000, grace = '1s' }\n",
        "[endpoints.a]\nurl = 'http://127.0.0.1:0'\n",
        &app("hello", "rust-hello", ""),
        &app("lies", "lies-about-length", ""),
        &app("answers", "answers", ""),
        &app("traps", "traps", ""),
        &app("spins", "spins", "limits = { timeout = '1s', idle-timeout = '1s' }\n"),
        &app("features", "uses-features", ""),
        &app("streams", "streams", ""),
    ];
    let folder = Folder::with(&[("windhover.toml", &written.concat())]);
    let folder_path = folder.path("");
    let server = Server::run(command().args(["serve", "--no-cache"]).current_dir(&folder_path));
    let admin = server.printed.iter().find_map(|line| line.strip_prefix("Administered at http://"));
    let admin = admin.expect("it is told").to_owned();
    let mut held = Vec::new();
    for (method, path, client, ..) in EXCHANGES {
        held.push(http1(&server, method, path, client).filter(|_| client == IsDeaf));
        http2(&server, method, path, client);
    }
    flood(&server, "/traps/late");
    let refused = server.ask("GET / HTTP/1.1\r\n\r\n");
    assert!(refused.starts_with("HTTP/1.1 400 "), "{refused}");
    let counted = |fault: &str, count: u32| format!("windhover_broken_exchanges_total{{reason=\"{fault}\"}} {count}\n");
    metrics_with(&admin, &counted("client_answer_too_slow", 2));
    // The record of an exchange follows the end of its connection.
    let metrics = metrics_with(&admin, &counted("client_flood", 1));
    for expected in [
        &counted("client_flood", 1),
        &counted("client_gone", 2),
        &counted("guest_aborted", 4),
        &counted("guest_content_length_mismatch", 2),
        &counted("guest_deadline_exceeded", 2),
        &counted("guest_trapped", 2),
        "windhover_rejected_requests_total{reason=\"client_host_missing\"} 1\n",
        "http_response_status_code=\"200\"",
        "http_response_status_code=\"2xx\"",
        "http_response_status_code=\"9xx\"",
        "http_response_status_code=\"\"",
        "windhover_dropped_log_lines_total 0\n",
    ] {
        assert!(metrics.contains(expected), "{expected}: {metrics}");
    }
    for status in ["\"299\"", "\"999\"", "\"0\""] {
        assert!(!metrics.contains(&format!("http_response_status_code={status}")), "{metrics}");
    }
    drop(held);
    // What is under way when the server's time to drain is over.
    let mut last =
        [begin_http1(&server, "POST", "/streams/flushed"), begin_http2(&server, "POST", "/streams/flushed", false)];
    read_until(&mut last[0], "\r\n\r\n");
    until(&mut last[1], |frame| frame.kind == HEADERS);
    server.signal(Signal::TERM);
    let log = server.ended().stderr;
    assert!(!log.contains("called exit"), "{log}");
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let told = |message: &str| lines.iter().filter(move |line| line["message"] == message).collect::<Vec<_>>();
    assert_eq!(told("rejected")[0]["code"], "client_host_missing");
    let exchanges = told("exchange");
    let drained = ("POST", "/streams/flushed", Reads, 200, Some("host_leaving"), Some(0));
    assert_eq!(exchanges.len(), 2 * EXCHANGES.len() + 1 + 2, "{exchanges:#?}");
    let flooded = exchanges.iter().find(|line| line["code"] == "client_flood").expect("it is recorded");
    assert_eq!(
        [&flooded["path"], &flooded["protocol"], &flooded["status"]],
        [&Value::from("/traps/late"), &Value::from("2"), &Value::from(200)]
    );
    for (method, path, _, status, code, sent) in EXCHANGES.into_iter().chain([drained]) {
        for protocol in ["1.1", "2"] {
            let path_alone = path.split('?').next().expect("there is a first part");
            let is_of = |line: &&&Value| {
                line["method"] == method
                    && line["path"] == path_alone
                    && line["protocol"] == protocol
                    && line["status"] == status
            };
            let line = exchanges.iter().find(is_of);
            let line = line.unwrap_or_else(|| panic!("{method} {path} with {status} over {protocol}: {exchanges:#?}"));
            assert_eq!(line.get("code").and_then(Value::as_str), code, "{line:#}");
            assert_eq!(line.get("fault").is_some(), code.is_some(), "{line:#}");
            assert!(sent.is_none_or(|sent| line["sent"] == sent), "{sent:?}: {line:#}");
        }
    }
}

/// Gives the connection back, if the client is still there.
fn http1(server: &Server, method: &str, path: &str, client: Client) -> Option<TcpStream> {
    let mut stream = begin_http1(server, method, path);
    match client {
        Reads => read_to_end(&mut stream),
        Goes => {
            read_until(&mut stream, "the first piece\n");
            stream.write_all(b"go").expect("the server reads");
            read_to_end(&mut stream);
        }
        Leaves => {
            read_until(&mut stream, "\r\n\r\n");
            return None;
        }
        IsDeaf => {}
    }
    Some(stream)
}

fn begin_http1(server: &Server, method: &str, path: &str) -> TcpStream {
    let length = if method == "POST" { "content-length: 2\r\n" } else { "" };
    let mut stream = server.connect();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{length}\r\n");
    stream.write_all(head.as_bytes()).expect("the server reads");
    stream
}

fn http2(server: &Server, method: &str, path: &str, client: Client) {
    let mut stream = begin_http2(server, method, path, client == IsDeaf);
    let is_end = |frame: &Frame| {
        let is_last = matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0;
        is_last || matches!(frame.kind, RST_STREAM | GOAWAY)
    };
    match client {
        Reads | IsDeaf => until(&mut stream, is_end),
        Goes => {
            until(&mut stream, |frame| frame.kind == DATA);
            stream.write_all(&Frame::new(DATA, END_STREAM, 1, *b"go").bytes()).expect("the server reads");
            until(&mut stream, is_end);
        }
        Leaves => {
            until(&mut stream, |frame| frame.kind == DATA);
            let cancel = Frame::new(RST_STREAM, 0, 1, 8_u32.to_be_bytes());
            stream.write_all(&cancel.bytes()).expect("the server reads");
        }
    }
}

/// Sends frames that carry nothing while its request is answered, until the server has had enough, which only HTTP/2 has.
fn flood(server: &Server, path: &str) {
    let mut stream = begin_http2(server, "POST", path, false);
    until(&mut stream, |frame| frame.kind == DATA);
    let _ = stream.write_all(&Frame::new(PING, 0, 0, *b"nothing!").bytes().repeat(32_000)); // it may have ended by then
    read_to_end(&mut stream);
}

fn begin_http2(server: &Server, method: &str, path: &str, is_deaf: bool) -> TcpStream {
    let mut stream = server.connect();
    // RFC 9113 §6.5.2: SETTINGS_INITIAL_WINDOW_SIZE.
    let settings = if is_deaf { vec![0, 4, 0, 0, 0, 0] } else { Vec::new() };
    let head = section(&[(":method", method), (":scheme", "http"), (":path", path), (":authority", "a")]);
    let end = if method == "POST" { 0 } else { END_STREAM };
    let bytes = [
        PREFACE,
        &Frame::new(SETTINGS, 0, 0, settings).bytes(),
        &Frame::new(HEADERS, END_HEADERS | end, 1, head).bytes(),
    ];
    stream.write_all(&bytes.concat()).expect("the server reads");
    stream
}

/// Reads frames until there is such a one.
fn until(stream: &mut TcpStream, is_awaited: impl Fn(&Frame) -> bool) {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).expect("a frame comes");
        let size = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; size];
        stream.read_exact(&mut payload).expect("all of it comes");
        let number = u32::from_be_bytes(head[5..].try_into().expect("four bytes"));
        if is_awaited(&Frame::new(head[3], head[4], number, payload)) {
            return;
        }
    }
}

/// By an end or a reset.
fn read_to_end(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new());
}

/// The metrics, once they say so: a client sees the end of its exchange before it is counted.
fn metrics_with(admin: &str, awaited: &str) -> String {
    let begun = Instant::now();
    loop {
        let request =
            "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\naccept: application/openmetrics-text\r\n\r\n";
        let metrics = ask_at(admin, request).expect("it is answered");
        if metrics.contains(awaited) {
            return metrics;
        }
        assert!(begun.elapsed() < WAIT_LIMIT, "{awaited}: {metrics}");
    }
}

const WAIT_LIMIT: Duration = Duration::from_secs(60);
