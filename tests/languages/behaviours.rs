//! What each of them does, said once.

use std::future::Future;
use std::pin::Pin;

use windhover_tests::Served;

pub(crate) type Behaviour = fn(Served, String) -> Pin<Box<dyn Future<Output = ()> + Send>>;

/// Each with the sentence that the table has of it.
pub(crate) const BEHAVIOURS: [(&str, Behaviour); 10] = [
    ("GET answers", |served, app| Box::pin(get_answers(served, app))),
    ("HEAD answers without content", |served, _| Box::pin(head_answers(served))),
    ("a path that is nowhere is 404", |served, _| Box::pin(nowhere_is_404(served))),
    ("a query is decoded, and text may be of any script", |served, _| Box::pin(a_query_is_decoded(served))),
    ("the facts of a request are known", |served, app| Box::pin(facts_are_known(served, app))),
    ("fields pass in and out", |served, _| Box::pin(fields_pass(served))),
    ("content streams both ways at once", |served, _| Box::pin(content_streams(served))),
    ("a mebibyte comes back as it was", |served, _| Box::pin(comes_back(served, 1 << 20))),
    // As much as a server takes by default: some engines keep something for each piece.
    ("30 MB pass in both directions", |served, _| Box::pin(comes_back(served, 30_000_000))),
    ("half a request is no whole answer", |served, _| Box::pin(half_a_request_is_no_whole_answer(served))),
];

async fn get_answers(served: Served, app: String) {
    let wire = &mut served.connect().await;
    wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = wire.receive_response().await;
    assert_eq!((response.status_line.as_str(), response.text()), ("HTTP/1.1 200 OK", greeting(&app)));
    assert_eq!(response.field("content-type"), Some("text/plain; charset=utf-8"));
}

async fn head_answers(served: Served) {
    let wire = &mut served.connect().await;
    wire.send("HEAD / HTTP/1.1\r\nhost: a\r\n\r\nGET /nowhere HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let head = wire.receive_head().await;
    assert_eq!(
        (head.status_line.as_str(), head.field("content-type")),
        ("HTTP/1.1 200 OK", Some("text/plain; charset=utf-8"))
    );
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 404 Not Found");
}

async fn nowhere_is_404(served: Served) {
    let wire = &mut served.connect().await;
    wire.send("GET /nowhere?at=all HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let response = wire.receive_response().await;
    assert_eq!(
        (response.status_line.as_str(), response.text()),
        ("HTTP/1.1 404 Not Found", "There is nothing here.\n")
    );
}

async fn a_query_is_decoded(served: Served) {
    let wire = &mut served.connect().await;
    for (query, name) in [("a=b&name=Zo%C3%AB", "Zoë"), ("name=%e5%b0%8f+%f0%9f%90%a6", "小 🐦"), ("name=", "")] {
        wire.send(format!("GET /?{query} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!(wire.receive_response().await.text(), format!("Hello, {name}!\n"), "{query}");
    }
}

async fn facts_are_known(served: Served, app: String) {
    let wire = &mut served.connect().await;
    let remote = wire.local().map(|address| format!("remote={}", address.ip()));
    wire.send("GET /request?q=1&r HTTP/1.1\r\nhost: shop.example:8080\r\n\r\n").await;
    let response = wire.receive_response().await;
    let mut facts: Vec<_> = response.text().lines().collect();
    let scheme = format!("scheme={}", served.scheme());
    let mut expected = vec!["authority=shop.example:8080", "method=GET", "path=/request", "query=q=1&r", &scheme];
    if app.ends_with("-application") {
        expected.extend(remote.as_deref()); // of a connection, wasi:http knows nothing
    }
    facts.sort_unstable();
    expected.sort_unstable();
    assert_eq!(facts, expected);
}

async fn fields_pass(served: Served) {
    let wire = &mut served.connect().await;
    for value in ["text/x", "text/x; a=\"b, c\""] {
        wire.send(format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: {value}\r\ncontent-length: 1\r\n\r\na"))
            .await;
        let response = wire.receive_response().await;
        assert_eq!((response.field("content-type"), response.text()), (Some(value), "a"));
    }
}

/// What is sent first comes back before the rest is sent.
async fn content_streams(served: Served) {
    let wire = &mut served.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x\r\ntransfer-encoding: chunked\r\n\r\n").await;
    wire.send("5\r\nfirst\r\n").await;
    assert_eq!(wire.receive_head().await.status_line, "HTTP/1.1 200 OK");
    assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"first"[..]));
    wire.send("6\r\nsecond\r\n0\r\n\r\n").await;
    assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"second"[..]));
    assert_eq!(wire.receive_chunk().await, None);
}

async fn comes_back(served: Served, size: u32) {
    let wire = &mut served.connect().await;
    let content: Vec<u8> = (0..size / 4).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut received = Vec::with_capacity(content.len());
    wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
    for (at, piece) in content.chunks(PIECE).enumerate() {
        wire.send([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()).await;
        if at == 0 {
            assert_eq!(wire.receive_head().await.status_line, "HTTP/1.1 200 OK");
        }
        while received.len() < content.len().min((at + 1) * PIECE) {
            received.extend(wire.receive_chunk().await.expect("the answer ends when the request does"));
        }
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(wire.receive_chunk().await, None);
    assert!(received == content, "other bytes came back");
}

async fn half_a_request_is_no_whole_answer(served: Served) {
    let wire = &mut served.connect().await;
    wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
    let head = wire.receive_head().await;
    assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"first"[..]));
    wire.send("what is no chunk\r\n").await;
    wire.expect_reset_mid_body(&head).await;
}

fn greeting(app: &str) -> &'static str {
    match app.split('-').next() {
        Some("c") => "Hello from C!\n",
        Some("cpp") => "Hello from C++!\n",
        Some("go") => "Hello from Go!\n",
        Some("js") => "Hello from JavaScript!\n",
        Some("python") => "Hello from Python!\n",
        Some("ts") => "Hello from TypeScript!\n",
        Some("zig") => "Hello from Zig!\n",
        _ if app.starts_with("rust-wasi-http") => "Hello from wasi:http!\n",
        _ => "Hello from Rust!\n",
    }
}

const PIECE: usize = 1 << 16;
