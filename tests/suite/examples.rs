//! The guest examples that show a feature each do what their READMEs say, on every server.

use windhover_contract::Drained;
use windhover_tests::frames::{BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT};
use windhover_tests::{Frame, Framing, Received, Served, TestServer, Wire, for_each_server, guest};

use crate::get;

for_each_server! {
    async fn rust_websocket_sends_back_what_it_gets(server) {
        let served = server.serve(guest("rust-websocket")).await;
        let (mut wire, answer) = open(&served, "/?tick=60000", "").await;
        assert_eq!(answer.field("sec-websocket-protocol"), None);
        wire.send_frame(Frame::text("héllo")).await;
        wire.expect_text("héllo").await;
        wire.send_frame(Frame::binary([0, 255])).await;
        assert_eq!(wire.receive_frame().await, (BINARY, vec![0, 255]));
        // In two frames, with a ping between them: RFC 6455 §5.4.
        wire.send_frame(Frame::text("one ").unfinished()).await;
        wire.send_frame(Frame::new(PING, "there?")).await;
        wire.send_frame(Frame::new(CONTINUATION, "message")).await;
        assert_eq!(wire.receive_frame().await, (PONG, b"there?".to_vec()));
        wire.expect_text("one message").await;
        wire.send_frame(Frame::close(1000, "enough")).await;
        assert_eq!(wire.receive_frame().await, (CLOSE, b"\x03\xe8enough".to_vec()));
        wire.expect_closed().await;
    }

    async fn rust_websocket_speaks_when_it_is_quiet(server) {
        let served = server.serve(guest("rust-websocket")).await;
        let (mut wire, _) = open(&served, "/?tick=10", "").await;
        wire.expect_text("tick 1").await;
        wire.expect_text("tick 2").await;
    }

    async fn rust_websocket_takes_the_subprotocol_chat_where_it_is_offered(server) {
        let served = server.serve(guest("rust-websocket")).await;
        for (offered, taken) in [("superchat, chat", Some("chat")), ("superchat", None)] {
            let (_, answer) = open(&served, "/", &format!("sec-websocket-protocol: {offered}\r\n")).await;
            assert_eq!(answer.field("sec-websocket-protocol"), taken);
        }
    }

    async fn rust_websocket_closes_when_it_is_told_to(server) {
        let served = server.serve(guest("rust-websocket")).await;
        let (mut wire, _) = open(&served, "/?tick=60000", "").await;
        wire.send_frame(Frame::text("close 1005 never sent")).await;
        wire.expect_text("this code or reason cannot be sent").await;
        wire.send_frame(Frame::text("close 4000 and why")).await;
        assert_eq!(wire.receive_frame().await, (CLOSE, b"\x0f\xa0and why".to_vec()));
        wire.send_frame(Frame::close(4000, "")).await;
        wire.expect_closed().await;
    }

    async fn rust_websocket_has_a_page_for_browsers(server) {
        let served = server.serve(guest("rust-websocket")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        let page = wire.receive_response().await;
        assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.text().contains("new WebSocket("), "{page}");
        wire.send(get("/favicon.ico")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 404 Not Found");
    }

    async fn rust_sse_goes_on_behind_the_last_event_that_was_seen(server) {
        let served = server.serve(guest("rust-sse")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nlast-event-id: 41\r\n\r\n").await;
        let head = wire.receive_head().await;
        assert_eq!((head.field("content-type"), head.framing), (Some("text/event-stream"), Framing::Chunked));
        assert_eq!(wire.receive_content(32).await, b"id: 42\ndata: This is event 42.\n\n");
        assert_eq!(wire.receive_content(32).await, b"id: 43\ndata: This is event 43.\n\n");
    }

    /// Else its wait would outlast the server's.
    async fn rust_sse_ends_when_its_client_leaves(server) {
        let served = server.serve(guest("rust-sse")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.receive_head().await;
        wire.leave();
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    /// Else it would hold the server for as long as that waits.
    async fn rust_sse_ends_when_the_server_shuts_down(server) {
        let served = server.serve(guest("rust-sse")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.receive_head().await;
        assert!(wire.receive_chunk().await.expect("an event").starts_with(b"id: 1\n"));
        served.shut_guests_down();
        while wire.receive_chunk().await.is_some() {}
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    async fn rust_trailers_answers_a_message_and_tells_the_outcome_behind_it(server) {
        let served = server.serve(guest("rust-trailers")).await;
        let mut wire = served.connect().await;
        wire.send(call("a\r\n\0\0\0\0\x05world\r\n0\r\nx-length: 10\r\n")).await;
        assert_eq!(wire.receive_head().await.field("trailer"), Some("grpc-status, grpc-message"));
        wire.expect("12\r\n\0\0\0\0\x0dHello, world!\r\n0\r\ngrpc-status: 0\r\n\r\n").await;
        for (request, status, message) in [
            ("a\r\n\0\0\0\0\x06world\r\n0\r\n", 3, "this is not one whole message of text"),
            ("a\r\n\0\0\0\0\x05world\r\n0\r\nx-length: 9\r\n", 15, "the trailer x-length counts otherwise"),
        ] {
            wire.send(call(request)).await;
            wire.receive_head().await;
            wire.expect(&format!("0\r\ngrpc-status: {status}\r\ngrpc-message: {message}\r\n\r\n")).await;
        }
    }

    async fn rust_upload_raises_the_limit_for_one_path(server) {
        let server = server.limits(|limits| limits.max_request_body_size = Some(10));
        let served = server.serve(guest("rust-upload")).await;
        let mut wire = served.connect().await;
        wire.send("POST /large HTTP/1.1\r\nhost: a\r\ncontent-length: 300000\r\n\r\n").await;
        wire.send("x".repeat(300_000)).await;
        assert_eq!(
            wire.receive_response().await.text(),
            "300000 bytes, SHA-256 29927e273accc68286005017f7fa6e4f27bddb4db3083ff8b8d4c3667905b7fa\n"
        );
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc").await;
        assert_eq!(
            wire.receive_response().await.text(),
            "3 bytes, SHA-256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n" // FIPS 180-4
        );
    }

    async fn rust_upload_answers_413_in_its_own_words(server) {
        let server = server.limits(|limits| limits.max_request_body_size = Some(10));
        let served = server.serve(guest("rust-upload")).await;
        for content in ["content-length: 11\r\n\r\n", "transfer-encoding: chunked\r\n\r\nb\r\nhello world\r\n0\r\n\r\n"] {
            let mut wire = served.connect().await;
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{content}")).await;
            let answer = wire.receive_response().await;
            assert_eq!(answer.status_line, "HTTP/1.1 413 Payload Too Large");
            assert_eq!(answer.text(), "More than 10 bytes are too many here; /large takes any number.\n");
        }
    }

    async fn rust_early_hints_names_the_style_sheet_before_the_page(server) {
        let served = server.serve(guest("rust-early-hints")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload; as=style\r\n\r\nHTTP/1.1 200 OK\r\n").await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.0\r\n\r\n").await; // which knows no interim answer
        assert!(wire.receive_response().await.text().starts_with("<!doctype html>"));
    }
}

/// Only a socket can lose what is on its way: a system answers bytes that nobody reads with a reset.
#[tokio::test]
async fn a_client_that_goes_on_sending_after_its_mistake_still_reads_the_close() {
    let served = TestServer::http().serve(guest("rust-websocket")).await;
    let (mut wire, _) = open(&served, "/?tick=60000", "").await;
    wire.send_frame(Frame::new(TEXT, [0xff])).await;
    for _ in 0..64 {
        wire.send_frame(Frame::binary([0; 128 << 10])).await; // together more than the system holds on the way
    }
    wire.expect_close(1007).await;
    wire.expect_closed().await;
}

/// A WebSocket, asked for with more fields, each with its line end, and the head that accepts it.
async fn open(served: &Served, target: &str, fields: &str) -> (Wire, Received) {
    let mut wire = served.connect().await;
    wire.send(format!(
        "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n{fields}\r\n"
    ))
    .await;
    let answer = wire.receive_head().await;
    assert_eq!(answer.status_line, "HTTP/1.1 101 Switching Protocols", "{answer}");
    (wire, answer)
}

/// A call with chunked content and its trailer fields.
fn call(chunks: &str) -> String {
    format!("POST /greeter/hello HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n{chunks}\r\n")
}
