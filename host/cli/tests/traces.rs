//! Traces: a collector gets the spans of each exchange and of the requests that its app sends, and whoever is asked is
//! told which span asks.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use rustix::process::Signal;
use support::{Server, command};
use windhover_tests::guest_file;

#[test]
fn a_collector_gets_the_spans_of_an_exchange_and_of_its_outbound_request() {
    let (collector, upstream) = (Upstream::start(), Upstream::start());
    let port = upstream.port;
    let rest = format!(
        "share = 1\ntrust-clients = true\nservice-name = 'shop-front'\nfields = {{ authorization = {{ env = 'COLLECTOR_TOKEN' }} }}\n\
         [apps.shop]\ncomponent = '{}'\nroutes = ['/send']\n\
         [[apps.shop.grants.outbound]]\nurl = 'http://127.0.0.1:{port}'\nprivate = true\n",
        guest_file("wasi-granted").display()
    );
    let server = Traced::start(&collector, &rest);
    let answer = server.server.ask(&format!(
        "GET /send/GET/http://127.0.0.1:{port}/cart?secret HTTP/1.1\r\nhost: a.example:81\r\nuser-agent: a test\r\n\
         traceparent: {PARENT}\r\ntracestate: a=b\r\nconnection: close\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.leaves();

    let exported = collector.spans();
    assert_eq!(text(&exported.resource, "service.name"), "shop-front");
    assert_eq!(exported.fields["authorization"], "Bearer let-me-in");
    let [client, server] = &exported.by_kind([SpanKind::Client, SpanKind::Server]);

    assert_eq!((server.name.as_str(), hex(&server.trace_id)), ("GET /send", TRACE.to_owned()));
    assert_eq!((hex(&server.parent_span_id), server.trace_state.as_str()), (CALLER.to_owned(), "a=b"));
    for (name, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "/send"),
        ("url.path", &format!("/send/GET/http://127.0.0.1:{port}/cart")[..]),
        ("url.scheme", "http"),
        ("network.protocol.version", "1.1"),
        ("server.address", "a.example"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "a test"),
        ("windhover.app", "shop"),
    ] {
        assert_eq!(text(&server.attributes, name), expected, "{name}");
    }
    assert_eq!(
        (number(&server.attributes, "server.port"), number(&server.attributes, "http.response.status_code")),
        (81, 200)
    );
    assert!(server.start_time_unix_nano < server.end_time_unix_nano);
    assert_eq!(server.status.as_ref().map_or(0, |status| status.code), StatusCode::Unset as i32);

    assert_eq!((client.name.as_str(), hex(&client.trace_id)), ("GET", TRACE.to_owned()));
    assert_eq!(client.parent_span_id, server.span_id);
    assert_eq!(text(&client.attributes, "url.full"), format!("http://127.0.0.1:{port}/cart"));
    assert_eq!(
        (number(&client.attributes, "server.port"), number(&client.attributes, "http.response.status_code")),
        (i64::from(port), 200)
    );

    let asked = upstream.next();
    assert_eq!(asked.fields["traceparent"], format!("00-{TRACE}-{}-01", hex(&client.span_id)));
    assert_eq!(asked.fields["tracestate"], "a=b");
}

#[test]
fn a_trace_that_begins_here_has_its_first_span_here_and_says_what_went_wrong() {
    let collector = Upstream::start();
    let server = Traced::start(&collector, &app("traps"));
    server.server.ask("BREW / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.leaves();
    let [span] = &collector.spans().by_kind([SpanKind::Server]);
    assert_eq!((span.name.as_str(), &span.parent_span_id[..]), ("_OTHER /", &[][..]));
    assert_eq!(text(&span.attributes, "http.request.method_original"), "BREW");
    assert_eq!(text(&span.attributes, "error.type"), "500");
    assert_eq!(span.status.as_ref().map_or(0, |status| status.code), StatusCode::Error as i32);
}

#[test]
fn a_request_that_fails_says_how() {
    let (collector, gone) = (Upstream::start(), closed_port());
    let rest = format!(
        "{}[[apps.own.grants.outbound]]\nurl = 'http://127.0.0.1:{gone}'\nprivate = true\n",
        app("wasi-granted")
    );
    let server = Traced::start(&collector, &rest);
    server
        .server
        .ask(&format!("GET /send/GET/http://127.0.0.1:{gone}/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
    server.leaves();
    let [span, _] = &collector.spans().by_kind([SpanKind::Client, SpanKind::Server]);
    assert_eq!(text(&span.attributes, "error.type"), "connection-refused");
}

#[test]
fn what_a_guest_says_of_its_exchange_is_in_its_span() {
    let collector = Upstream::start();
    let server = Traced::start(&collector, &app("uses-features"));
    server.server.ask("GET /telemetry?order.kind=gift HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    server.leaves();
    let [span] = &collector.spans().by_kind([SpanKind::Server]);
    assert_eq!(text(&span.attributes, "order.kind"), "gift");
}

/// The share is of traces that begin here; and whoever is asked hears of a trace in any case.
#[test]
fn a_client_says_whether_its_trace_is_recorded() {
    let (collector, upstream) = (Upstream::start(), Upstream::start());
    let port = upstream.port;
    let rest = format!(
        "share = 0.0\ntrust-clients = true\n{}[[apps.own.grants.outbound]]\nurl = 'http://127.0.0.1:{port}'\nprivate = true\n",
        app("wasi-granted")
    );
    let server = Traced::start(&collector, &rest);
    let target = format!("GET /send/GET/http://127.0.0.1:{port}/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
    for (fields, flags) in [
        ("", "00"),
        (&*format!("traceparent: 00-{TRACE}-{CALLER}-00\r\n"), "00"),
        (&*format!("traceparent: {PARENT}\r\ntraceparent: {PARENT}\r\n"), "00"), // as none
        (&*format!("traceparent: {PARENT}\r\n"), "01"),
    ] {
        server.server.ask(&format!("{target}{fields}\r\n"));
        let told = &upstream.next().fields["traceparent"];
        assert!(told.ends_with(&format!("-{flags}")), "{fields:?}: {told}");
    }
    server.leaves();
    let [_, span] = &collector.spans().by_kind([SpanKind::Client, SpanKind::Server]);
    assert_eq!(hex(&span.trace_id), TRACE);
}

/// Whoever reaches the server could have all of its requests recorded otherwise, and write into anybody's trace.
#[test]
fn a_client_that_is_not_trusted_begins_no_trace_and_is_linked() {
    let (collector, upstream) = (Upstream::start(), Upstream::start());
    let port = upstream.port;
    let rest = format!(
        "{}[[apps.own.grants.outbound]]\nurl = 'http://127.0.0.1:{port}'\nprivate = true\n",
        app("wasi-granted")
    );
    let ask = |server: &Traced, fields: &str| {
        let target = format!("GET /send/GET/http://127.0.0.1:{port}/ HTTP/1.1\r\nhost: a\r\nconnection: close\r\n");
        server.server.ask(&format!("{target}{fields}\r\n"));
        upstream.next().fields
    };
    let sampled = format!("traceparent: {PARENT}\r\ntracestate: a=b\r\n");
    // None is recorded: the client cannot change that.
    let server = Traced::start(&collector, &format!("share = 0.0\n{rest}"));
    let told = ask(&server, &sampled);
    let parent = &told["traceparent"];
    assert!(parent.ends_with("-00") && !parent.contains(TRACE), "{parent}");
    assert!(!told.contains_key("tracestate"), "{told:?}");
    server.leaves();
    // All are: nor can it change that.
    let server = Traced::start(&collector, &rest);
    let told = ask(&server, &format!("traceparent: 00-{TRACE}-{CALLER}-00\r\n"));
    let parent = &told["traceparent"];
    assert!(parent.ends_with("-01") && !parent.contains(TRACE), "{parent}");
    server.leaves();
    let [_, span] = &collector.spans().by_kind([SpanKind::Client, SpanKind::Server]);
    assert!(parent.contains(&hex(&span.trace_id)) && span.parent_span_id.is_empty(), "{span:?}");
    let [link] = &span.links[..] else { panic!("it has no link: {span:?}") };
    assert_eq!((hex(&link.trace_id), hex(&link.span_id)), (TRACE.to_owned(), CALLER.to_owned()));
}

#[test]
fn a_collector_that_is_gone_is_told_and_holds_nobody() {
    let rest = app("echoes");
    let mut server = Traced::start_for(closed_port(), &rest);
    let answer = server.server.ask("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let told = server.server.wait_for("BatchSpanProcessor.ExportError");
    assert!(told.contains("WARN") || told.contains("ERROR"), "{told}");
    server.leaves();
}

fn app(guest: &str) -> String {
    format!("[apps.own]\ncomponent = '{}'\n", guest_file(guest).display())
}

/// A server that sends its traces somewhere.
struct Traced {
    server: Server,
    _folder: tempfile::TempDir,
}

impl Traced {
    fn start(collector: &Upstream, rest: &str) -> Self {
        Self::start_for(collector.port, rest)
    }

    fn start_for(port: u16, rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written =
            format!("[endpoints.web]\nurl = 'http://127.0.0.1:0'\n[traces]\nurl = 'http://127.0.0.1:{port}'\n{rest}");
        fs::write(folder.path().join("windhover.toml"), written).expect("it can be written to");
        let mut serve = command();
        serve.args(["serve", "--no-cache"]).current_dir(&folder).env("COLLECTOR_TOKEN", "Bearer let-me-in");
        Self { server: Server::run(&mut serve), _folder: folder }
    }

    /// Asks it to leave, and waits until it has.
    fn leaves(self) {
        self.server.signal(Signal::TERM);
        let ended = self.server.ended();
        assert!(ended.status.success() && !ended.stderr.contains("let-me-in"), "{}", ended.stderr);
    }
}

/// A server that takes down what it is asked, and answers each request with an empty content: for a collector, that all
/// was taken.
struct Upstream {
    port: u16,
    asked: Receiver<Asked>,
}

struct Asked {
    line: String,
    fields: HashMap<String, String>,
    content: Vec<u8>,
}

/// What a collector got.
struct Exported {
    fields: HashMap<String, String>,
    resource: Vec<KeyValue>,
    spans: Vec<Span>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, asked) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let sender = sender.clone();
                std::thread::spawn(move || answer(stream, &sender));
            }
        });
        Self { port, asked }
    }

    fn next(&self) -> Asked {
        self.asked.recv_timeout(WAIT_LIMIT).expect("it is asked")
    }

    /// All spans that have come.
    fn spans(&self) -> Exported {
        let mut exported = Exported { fields: HashMap::new(), resource: Vec::new(), spans: Vec::new() };
        let mut asked = Some(self.next());
        while let Some(request) = asked {
            assert_eq!(request.line, "POST /v1/traces HTTP/1.1");
            assert_eq!(request.fields["content-type"], "application/x-protobuf");
            let content = ExportTraceServiceRequest::decode(&request.content[..]).expect("it is OTLP");
            for part in content.resource_spans {
                exported.resource = part.resource.expect("it says whose spans they are").attributes;
                exported.spans.extend(part.scope_spans.into_iter().flat_map(|part| part.spans));
            }
            exported.fields = request.fields;
            asked = self.asked.try_recv().ok();
        }
        exported
    }
}

impl Exported {
    /// The spans, one of each kind.
    fn by_kind<const N: usize>(&self, kinds: [SpanKind; N]) -> [Span; N] {
        assert_eq!(self.spans.len(), N, "{:#?}", self.spans);
        let of_kind = |kind: SpanKind| self.spans.iter().find(|span| span.kind == kind as i32).cloned();
        kinds.map(|kind| of_kind(kind).unwrap_or_else(|| panic!("no {kind:?} in {:#?}", self.spans)))
    }
}

fn answer(stream: TcpStream, sender: &Sender<Asked>) {
    let mut reader = BufReader::new(stream.try_clone().expect("it can be shared"));
    let mut line = String::new();
    while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
        let mut asked = Asked { line: line.trim_end().to_owned(), fields: HashMap::new(), content: Vec::new() };
        line.clear();
        while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
            if let Some((name, value)) = line.trim_end().split_once(": ") {
                asked.fields.insert(name.to_lowercase(), value.to_owned());
            }
            line.clear();
        }
        line.clear();
        let length = asked.fields.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
        asked.content = vec![0; length];
        let is_whole = reader.read_exact(&mut asked.content).is_ok();
        if !is_whole || sender.send(asked).is_err() {
            return;
        }
        let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], name: &str) -> &'a Value {
    let found = attributes.iter().find(|attribute| attribute.key == name).and_then(|found| found.value.as_ref());
    found.and_then(|value| value.value.as_ref()).unwrap_or_else(|| panic!("no {name} in {attributes:#?}"))
}

fn text<'a>(attributes: &'a [KeyValue], name: &str) -> &'a str {
    let Value::StringValue(text) = attribute(attributes, name) else { panic!("{name} is no text") };
    text
}

fn number(attributes: &[KeyValue], name: &str) -> i64 {
    let Value::IntValue(number) = attribute(attributes, name) else { panic!("{name} is no number") };
    *number
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";
const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const WAIT_LIMIT: Duration = Duration::from_secs(60);
