//! Requests to other servers: those that are granted are sent, all others are refused, whatever way leads there.

use std::time::Duration;

use http::{Method, StatusCode};
use http_body_util::BodyExt;
use windhover_contract::{Body, Request, Response};
use windhover_sandbox::{Grants, Outbound, OutboundRule};
use windhover_tests::{Served, TestServer, bounded, guest};

use crate::get;

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
