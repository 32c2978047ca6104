//! Requests to other servers: those that are granted are sent, all others are refused, whatever way leads there.

use std::time::Duration;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use windhover_contract::{Body, Request, Response};
use windhover_sandbox::{Grants, Outbound, OutboundLimits, OutboundRule, SandboxLimits};
use windhover_tests::{Served, TestServer, bounded, guest};

use crate::{get, post};

#[tokio::test]
async fn a_request_that_is_granted_is_sent_with_its_content() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    let answer = ask(&served, &format!("/send/GET/http://127.0.0.1:{port}/a?b")).await;
    assert_eq!(answer, format!("200 GET /a?b 127.0.0.1:{port} HTTP/1.1 trace none: "));
    let answer = ask(&served, &format!("/send/POST/http://127.0.0.1:{port}/")).await;
    assert_eq!(answer, format!("200 POST / 127.0.0.1:{port} HTTP/1.1 trace none: a little content"));
}

#[tokio::test]
async fn a_guest_of_wasi_http_0_3_sends_as_one_of_0_2_does() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let rule = format!("http://127.0.0.1:{port}").parse::<OutboundRule>().expect("it is a rule").private();
    let granted = Outbound { rules: vec![rule], ..Outbound::default() };
    let grant = move |grants: Grants| grants.outbound(granted.clone()).expect("it can be granted");
    let served = TestServer::http().grants(grant).serve(guest("wasi3-facts")).await;
    let answer = ask(&served, &format!("/send/POST/http://127.0.0.1:{port}/a?b")).await;
    assert_eq!(answer, format!("200 POST /a?b 127.0.0.1:{port} HTTP/1.1 trace none: a little content"));
    assert_eq!(ask(&served, "/send/POST/http://127.0.0.1:1/").await, "ErrorCode::HttpRequestDenied");
}

#[tokio::test]
async fn what_no_rule_allows_is_refused() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let only_get = format!("http://127.0.0.1:{port}").parse::<OutboundRule>().expect("it is a rule");
    let only_get = only_get.private().methods(vec![Method::GET]);
    let served = with_rules(vec![only_get]).await;
    assert!(ask(&served, &format!("/send/GET/http://127.0.0.1:{port}/")).await.starts_with("200 "));
    for url in [
        format!("POST/http://127.0.0.1:{port}/"),
        format!("GET/https://127.0.0.1:{port}/"),
        "GET/http://127.0.0.1:1/".to_owned(),
        format!("GET/http://127.0.0.2:{port}/"),
        format!("GET/http://localhost:{port}/"),
        "GET/http://example.com/".to_owned(),
    ] {
        assert_eq!(ask(&served, &format!("/send/{url}")).await, "ErrorCode::HttpRequestDenied", "{url}");
    }
}

/// What trusts its network must not be reached through a guest, by whatever spelling or name.
#[tokio::test]
async fn private_networks_are_refused_unless_a_rule_names_them() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let everything: OutboundRule = "http://*:*".parse().expect("it is a rule");
    let served = with_rules(vec![everything.clone()]).await;
    for host in [
        "127.0.0.1",
        "localhost",
        "169.254.169.254",
        "10.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "[64:ff9b::7f00:1]",
    ] {
        let answer = ask(&served, &format!("/send/GET/http://{host}:{port}/")).await;
        assert_eq!(answer, "ErrorCode::DestinationIpProhibited", "{host}");
    }
    let named: OutboundRule = format!("http://localhost:{port}").parse().expect("it is a rule");
    let served = with_rules(vec![everything, named.private()]).await;
    assert!(ask(&served, &format!("/send/GET/http://localhost:{port}/")).await.starts_with("200 "));
    assert_eq!(
        ask(&served, &format!("/send/GET/http://127.0.0.1:{port}/")).await,
        "ErrorCode::DestinationIpProhibited"
    );
}

#[tokio::test]
async fn a_redirect_is_the_guests_affair_and_is_judged_like_any_request() {
    let upstream = TestServer::http().serve_fn(|_| async {
        let mut response = Response::empty(StatusCode::FOUND);
        response.fields.insert("location", http::HeaderValue::from_static("http://169.254.169.254/"));
        response
    });
    let upstream = upstream.await;
    let port = port(&upstream);
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    assert_eq!(ask(&served, &format!("/send/GET/http://127.0.0.1:{port}/")).await, "302 ");
}

#[tokio::test]
async fn https_is_spoken_with_whom_the_authorities_vouch_for_by_http_2_if_it_can_be() {
    let upstream = TestServer::https().serve_fn(tell).await;
    let port = port(&upstream);
    let rule = || format!("https://localhost:{port}").parse::<OutboundRule>().expect("it is a rule").private();
    let authority = windhover_tests::secure::authority().pem().into_bytes();
    let served = with(Outbound { rules: vec![rule()], authorities: Some(authority), ..Outbound::default() }).await;
    let answer = ask(&served, &format!("/send/POST/https://localhost:{port}/a")).await;
    assert_eq!(answer, format!("200 POST /a localhost:{port} HTTP/2.0 trace none: a little content"));
    let distrusting = with_rules(vec![rule()]).await;
    let answer = ask(&distrusting, &format!("/send/GET/https://localhost:{port}/a")).await;
    assert_eq!(answer, "ErrorCode::TlsCertificateError");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_does_not_answer_is_told_as_what_it_is() {
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let silent = free.local_addr().expect("it is bound").port();
    let gone = {
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        gone.local_addr().expect("it is bound").port()
    };
    let rule = "http://127.0.0.1:*".parse::<OutboundRule>().expect("it is a rule").private();
    let mut outbound = Outbound { rules: vec![rule], ..Outbound::default() };
    outbound.limits.first_byte_timeout = Duration::from_millis(50);
    let served = with(outbound).await;
    assert_eq!(ask(&served, &format!("/send/GET/http://127.0.0.1:{gone}/")).await, "ErrorCode::ConnectionRefused");
    assert_eq!(
        ask(&served, &format!("/send/GET/http://127.0.0.1:{silent}/")).await,
        "ErrorCode::ConnectionReadTimeout"
    );
}

/// RFC 9110 §6.4.1: an answer to HEAD, and a 204 and a 304, have no content, whatever length they tell.
#[tokio::test]
async fn an_answer_without_content_is_whole_for_guests_of_both_versions() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = upstream.local_addr().expect("it is bound").port();
    let answering = tokio::spawn(async move {
        loop {
            let (mut asked, _) = upstream.accept().await.expect("it can be accepted");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(tokio::io::AsyncReadExt::read_u8(&mut asked).await.expect("the head comes"));
            }
            let head = String::from_utf8(head).expect("it is text");
            let status = head.split(['/', ' ']).nth(2).expect("the path is a status").to_owned();
            // It stays open, so who waits for content waits for ever.
            let answer = format!("HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: 5\r\n\r\n");
            tokio::io::AsyncWriteExt::write_all(&mut asked, answer.as_bytes()).await.expect("it is read");
            tokio::spawn(async move {
                let _ = tokio::io::AsyncReadExt::read_to_end(&mut asked, &mut Vec::new()).await;
            });
        }
    });
    let rule = format!("http://127.0.0.1:{port}").parse::<OutboundRule>().expect("it is a rule").private();
    let granted = Outbound { rules: vec![rule], ..Outbound::default() };
    for name in ["wasi-granted", "wasi3-facts"] {
        let granted = granted.clone();
        let grant = move |grants: Grants| grants.outbound(granted.clone()).expect("it can be granted");
        let served = TestServer::http().grants(grant).serve(guest(name)).await;
        for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
            let answer = ask(&served, &format!("/send/{method}/http://127.0.0.1:{port}/{status}")).await;
            assert_eq!(answer, format!("{status} "), "{name} {method}");
        }
    }
    answering.abort();
}

#[tokio::test]
async fn a_request_is_dropped_when_the_client_for_whom_it_was_sent_leaves() {
    let upstream = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = upstream.local_addr().expect("it is bound").port();
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    let mut wire = served.connect().await;
    wire.send(get(&format!("/send/GET/http://127.0.0.1:{port}/"))).await;
    let (mut asked, _) = bounded("a request", upstream.accept()).await.expect("it can be accepted");
    wire.leave();
    let mut rest = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut asked, &mut rest);
    let _ = bounded("its end", read).await; // by a close or a reset
}

#[tokio::test]
async fn a_trace_is_passed_on() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut wire = served.connect().await;
    wire.send(format!(
        "GET /send/GET/http://127.0.0.1:{port}/ HTTP/1.1\r\nhost: a\r\ntraceparent: {parent}\r\ntracestate: a=b\r\n\r\n"
    ))
    .await;
    let answer = wire.receive_response().await.text().to_owned();
    assert_eq!(answer, format!("200 GET / 127.0.0.1:{port} HTTP/1.1 trace {parent} a=b: "));
}

/// RFC 9112 §3.2: what stands in the request line, and `Host` behind it, whatever the guest has written.
#[tokio::test]
async fn a_request_leaves_in_the_form_that_the_rfcs_have() {
    let mut upstream = Upstream::new("HTTP/1.1 204 No Content\r\n\r\n").await;
    let port = upstream.port;
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    let host = format!("127.0.0.1:{port}");
    for (line, expected) in [
        (format!("GET http://{host} /a?b=c"), format!("GET /a?b=c HTTP/1.1\r\nhost: {host}\r\n\r\n")),
        (format!("GET http://{host} ?b"), format!("GET /?b HTTP/1.1\r\nhost: {host}\r\n\r\n")),
        (
            format!("GET http://{host} /a[b]?c[d]=e|f%"),
            format!("GET /a%5Bb%5D?c%5Bd%5D=e%7Cf%25 HTTP/1.1\r\nhost: {host}\r\n\r\n"),
        ),
        (format!("OPTIONS http://{host} *"), format!("OPTIONS * HTTP/1.1\r\nhost: {host}\r\n\r\n")),
        // Of a request that was copied: what is about its connection stays behind (RFC 9110 §7.6.1).
        (
            format!("GET http://{host} /\nx-first: 1\nte: trailers\nx-last: 1"),
            format!("GET / HTTP/1.1\r\nhost: {host}\r\nx-first: 1\r\nx-last: 1\r\n\r\n"),
        ),
    ] {
        assert_eq!(asked(&served, &line).await, "204 ", "{line}");
        assert_eq!(upstream.received().await, expected, "{line}");
    }
}

#[tokio::test]
async fn what_no_request_may_say_is_refused() {
    let upstream = Upstream::new("HTTP/1.1 204 No Content\r\n\r\n").await;
    let port = upstream.port;
    let served = granted(&["http://*:*"]).await;
    for (line, expected) in [
        (format!("GET http://user@127.0.0.1:{port} /"), "ErrorCode::HttpRequestUriInvalid"), // RFC 9110 §4.2.4
        (format!("GET http://user:word@127.0.0.1:{port} /"), "ErrorCode::HttpRequestUriInvalid"),
        ("GET http://127.0.0.1:99999 /".to_owned(), "ErrorCode::HttpRequestUriInvalid"),
        ("GET http://127.0.0.1:0 /".to_owned(), "ErrorCode::HttpRequestUriInvalid"),
        (format!("GET http://127.0.0.1:{port} *"), "ErrorCode::HttpRequestUriInvalid"),
        (format!("GET http://127.0.0.1:{port} a"), "no target"),
        (format!("GET http://127.0.0.1:{port} /a#b"), "no target"),
        (format!("CONNECT http://127.0.0.1:{port} /"), "ErrorCode::HttpRequestMethodInvalid"),
        (format!("GET http://127.0.0.1:{port} /\nconnection: close"), "connection: HeaderError::Forbidden"),
        (format!("GET http://127.0.0.1:{port} /\nhost: elsewhere"), "host: HeaderError::Forbidden"),
        (
            format!("GET http://127.0.0.1:{port} /\ntransfer-encoding: chunked"),
            "transfer-encoding: HeaderError::Forbidden",
        ),
    ] {
        assert_eq!(asked(&served, &line).await, expected, "{line}");
    }
    let rule = "http://*:*".parse::<OutboundRule>().expect("it is a rule").private();
    let outbound = Outbound { rules: vec![rule], ..Outbound::default() };
    let grant = move |grants: Grants| grants.outbound(outbound.clone()).expect("it can be granted");
    let served = TestServer::http().grants(grant).serve(guest("wasi3-facts")).await;
    let answer = ask(&served, &format!("/send/GET/http://user@127.0.0.1:{port}/")).await;
    assert_eq!(answer, "ErrorCode::HttpRequestUriInvalid");
}

/// RFC 9110 §7.6.1: a guest may copy them into its own answer.
#[tokio::test]
async fn the_fields_of_an_upstreams_connection_are_not_the_guests() {
    let answer = "HTTP/1.1 200 OK\r\nconnection: close, x-hop\r\nkeep-alive: timeout=5\r\nx-hop: 1\r\nx-end: 1\r\ncontent-length: 0\r\n\r\n";
    let upstream = Upstream::new(answer).await;
    let served = granted(&[&format!("http://127.0.0.1:{}", upstream.port)]).await;
    let line = format!("GET http://127.0.0.1:{} /", upstream.port);
    assert_eq!(asked(&served, &line).await, "200 content-length x-end");
}

/// Guards against: 100 fields, which some answers have more of, and nobody could change.
#[tokio::test]
async fn an_answer_may_have_many_fields_and_not_more_than_its_limit() {
    let answer = |fields: usize, size: usize| {
        let fields: String = (0..fields).map(|at| format!("x: {at:0size$}\r\n")).collect();
        format!("HTTP/1.1 204 No Content\r\n{fields}\r\n")
    };
    for (fields, size, change, expected) in [
        (154, 1, None, "204"),
        (1000, 1, None, "204"),
        (1001, 1, None, "ErrorCode::HttpResponseHeaderSectionSize"),
        (6, 10_000, None, "204"),
        (8, 10_000, None, "ErrorCode::HttpResponseHeaderSectionSize"),
        (10, 1, Some((10, 8 << 10)), "204"),
        (11, 1, Some((10, 8 << 10)), "ErrorCode::HttpResponseHeaderSectionSize"),
        (1, 9_000, Some((10, 8 << 10)), "ErrorCode::HttpResponseHeaderSectionSize"),
        (4, 20_000, Some((10, 128 << 10)), "204"),
    ] {
        let upstream = Upstream::new(answer(fields, size)).await;
        let rule = "http://127.0.0.1:*".parse::<OutboundRule>().expect("it is a rule").private();
        let mut outbound = Outbound { rules: vec![rule], ..Outbound::default() };
        if let Some((fields, size)) = change {
            (outbound.limits.max_response_fields, outbound.limits.max_response_fields_size) = (fields, size);
        }
        let served = with(outbound).await;
        let told = asked(&served, &format!("GET http://127.0.0.1:{} /", upstream.port)).await;
        assert!(told.starts_with(expected), "{fields} fields of {size}: {told}");
    }
}

/// A server that accepts and says nothing must not be waited for as long as a request may take.
#[tokio::test]
async fn connecting_has_its_time_with_the_handshake_of_tls() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let rule = || "https://127.0.0.1:*".parse::<OutboundRule>().expect("it is a rule").private();
    let mut outbound = Outbound { rules: vec![rule()], ..Outbound::default() };
    outbound.limits.connect_timeout = Duration::from_millis(50);
    let served = with(outbound).await;
    let answer = asked(&served, &format!("GET https://127.0.0.1:{port} /")).await;
    assert_eq!(answer, "ErrorCode::ConnectionTimeout");
    // A guest may want it shorter.
    let served = with_rules(vec![rule()]).await;
    let answer = asked(&served, &format!("GET https://127.0.0.1:{port} / 50")).await;
    assert_eq!(answer, "ErrorCode::ConnectionTimeout");
}

#[tokio::test]
async fn a_server_that_breaks_the_handshake_off_is_no_failure_of_the_dns() {
    let broken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = broken.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = broken.accept().await {
            drop(socket);
        }
    });
    let rule = "https://127.0.0.1:*".parse::<OutboundRule>().expect("it is a rule").private();
    let served = with_rules(vec![rule]).await;
    let answer = asked(&served, &format!("GET https://127.0.0.1:{port} /")).await;
    assert_eq!(answer, "ErrorCode::ConnectionTerminated");
}

/// Guards against: the seventeenth request at once failed.
#[tokio::test]
async fn more_requests_than_may_be_under_way_wait_for_others() {
    let upstream = TestServer::http().serve_fn(tell).await;
    let port = port(&upstream);
    let served = granted(&[&format!("http://127.0.0.1:{port}")]).await;
    let answer = ask(&served, &format!("/many/100/127.0.0.1:{port}")).await;
    assert_eq!(answer, ["200"; 100].join(" "));
}

#[tokio::test]
async fn no_more_wait_than_may_and_none_for_longer() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = silent.local_addr().expect("it is bound").port();
    let count = |answer: &str, code: &str| answer.split(' ').filter(|told| *told == code).count();
    for (change, timeouts, refusals) in [
        ((1, 2, Duration::from_secs(3600)), 3, 2), // one is under way and two wait
        ((1, 100, Duration::from_millis(50)), 1, 4),
    ] {
        let rule = "http://127.0.0.1:*".parse::<OutboundRule>().expect("it is a rule").private();
        let mut outbound = Outbound { rules: vec![rule], ..Outbound::default() };
        let limits = &mut outbound.limits;
        limits.first_byte_timeout = Duration::from_millis(500);
        (limits.max_in_flight, limits.max_queue, limits.queue_timeout) = change;
        let served = with(outbound).await;
        let answer = ask(&served, &format!("/many/5/127.0.0.1:{port}")).await;
        assert_eq!(count(&answer, "ErrorCode::ConnectionReadTimeout"), timeouts, "{answer}");
        assert_eq!(count(&answer, "ErrorCode::ConnectionLimitReached"), refusals, "{answer}");
    }
}

/// So that an app hears of a server that does not answer, and can answer for it.
#[test]
fn an_upstream_has_less_time_than_the_app_that_asks_it() {
    let (outbound, app) = (OutboundLimits::default(), SandboxLimits::default());
    for time in
        [outbound.connect_timeout, outbound.first_byte_timeout, outbound.between_bytes_timeout, outbound.queue_timeout]
    {
        assert!(time < app.timeout, "{time:?}");
    }
}

/// An upstream that gives each request the same answer, and keeps what it received.
struct Upstream {
    port: u16,
    received: mpsc::UnboundedReceiver<String>,
}

impl Upstream {
    async fn new(answer: impl Into<String>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let (sender, received) = mpsc::unbounded_channel();
        let answer = answer.into();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (sender, answer) = (sender.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while let Ok(byte) = socket.read_u8().await {
                        head.push(byte);
                        if head.ends_with(b"\r\n\r\n") {
                            let head = String::from_utf8(std::mem::take(&mut head)).expect("it is text");
                            let _ = sender.send(head);
                            let _ = socket.write_all(answer.as_bytes()).await;
                        }
                    }
                });
            }
        });
        Self { port, received }
    }

    /// The head of the next request.
    async fn received(&mut self) -> String {
        bounded("a request", self.received.recv()).await.expect("somebody listens")
    }
}

/// Has the guest send what is written, and tells what came of it.
async fn asked(served: &Served, written: &str) -> String {
    let mut wire = served.connect().await;
    wire.send(post("/ask", written)).await;
    wire.receive_response().await.text().to_owned()
}

/// An upstream that tells what it was asked.
async fn tell(request: Request) -> Response {
    let field =
        |name: &str| request.fields.get(name).map_or("none", |value| value.to_str().expect("it is text")).to_owned();
    let trace = match field("traceparent").as_str() {
        "none" => "none".to_owned(),
        parent => format!("{parent} {}", field("tracestate")),
    };
    let head = format!(
        "{} {} {} {:?} trace {trace}: ",
        request.method,
        request.target.uri().path_and_query().map_or("", |path| path.as_str()),
        request.target.authority().map_or("", |authority| authority.as_str()),
        request.version,
    );
    let content = request.body.collect().await.expect("all of it comes").to_bytes();
    let mut response = Response::empty(StatusCode::OK);
    response.body = Body::full([head.as_bytes(), &content].concat());
    response
}

fn port(upstream: &Served) -> u16 {
    let (_, port) = upstream.addresses()[0].rsplit_once(':').expect("it has a port");
    port.parse().expect("it is a number")
}

/// A guest that may ask these, although they are of this machine.
async fn granted(rules: &[&str]) -> Served {
    let rule = |rule: &&str| rule.parse::<OutboundRule>().expect("it is a rule").private();
    with_rules(rules.iter().map(rule).collect()).await
}

async fn with_rules(rules: Vec<OutboundRule>) -> Served {
    with(Outbound { rules, ..Outbound::default() }).await
}

async fn with(outbound: Outbound) -> Served {
    let grant = move |grants: Grants| grants.outbound(outbound.clone()).expect("it can be granted");
    TestServer::http().grants(grant).serve(guest("wasi-granted")).await
}

async fn ask(served: &Served, path: &str) -> String {
    let mut wire = served.connect().await;
    wire.send(get(path)).await;
    wire.receive_response().await.text().to_owned()
}
