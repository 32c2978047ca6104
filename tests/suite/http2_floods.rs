//! Clients that keep the server busy with nothing: each is told to calm down, and others are served.

use h2::Reason;
use windhover_tests::http2::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PRIORITY, SETTINGS, WINDOW_UPDATE,
    section,
};
use windhover_tests::{Served, for_each_http2, guest};

for_each_http2! {
    async fn frames_that_carry_nothing_are_too_many_at_some_time(server) {
        for frame in [
            Frame::new(PING, 0, 0, *b"a flood!"),
            Frame::new(SETTINGS, 0, 0, []),
            Frame::new(PRIORITY, 0, 1, [0, 0, 0, 0, 16]),
            Frame::new(0xbe, 0, 0, []),
            Frame::new(WINDOW_UPDATE, 0, 0, [0, 0, 0, 1]),
        ] {
            let served = server.clone().serve(guest("rust-hello")).await;
            let reasons = flood(&served, &[], &frame.bytes()).await;
            assert!(reasons.contains(&Reason::ENHANCE_YOUR_CALM), "{frame:?}: {reasons:?}");
            expect_served(&served).await;
        }
    }

    async fn content_that_is_empty_again_and_again_is_too_much(server) {
        let served = server.serve(guest("echoes")).await;
        let begin = |head: Vec<u8>| Frame::new(HEADERS, END_HEADERS, 1, head).bytes();
        let head = section(&[(":method", "POST"), (":scheme", served.scheme()), (":authority", "a"), (":path", "/measure")]);
        let reasons = flood(&served, &begin(head), &Frame::new(DATA, 0, 1, []).bytes()).await;
        assert!(reasons.contains(&Reason::ENHANCE_YOUR_CALM), "{reasons:?}");
    }

    /// CVE-2023-44487.
    async fn streams_that_are_reset_as_soon_as_they_begin_are_too_many(server) {
        let served = server.serve(guest("rust-hello")).await;
        let head =
            section(&[(":method", "GET"), (":scheme", served.scheme()), (":authority", "a"), (":path", "/")]);
        let mut bytes = Vec::new();
        for stream in (1..20_000).step_by(2) {
            bytes.extend(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head.clone()).bytes());
            bytes.extend(Frame::reset(stream, Reason::CANCEL).bytes());
        }
        let reasons = flood(&served, &bytes, &[]).await;
        assert!(reasons.contains(&Reason::ENHANCE_YOUR_CALM), "{reasons:?}");
        expect_served(&served).await;
    }

    /// CVE-2024-27316.
    async fn a_header_section_that_never_ends_is_too_much(server) {
        for field in [section(&[("x", &"y".repeat(1000))]), vec![]] {
            let served = server.clone().serve(guest("rust-hello")).await;
            let pseudo = [(":method", "GET"), (":scheme", served.scheme()), (":authority", "a"), (":path", "/")];
            let begin = Frame::new(HEADERS, END_STREAM, 1, section(&pseudo)).bytes();
            let reasons = flood(&served, &begin, &Frame::new(CONTINUATION, 0, 1, field).bytes()).await;
            let is_told = [Reason::ENHANCE_YOUR_CALM, Reason::PROTOCOL_ERROR, Reason::COMPRESSION_ERROR];
            assert!(reasons.iter().any(|reason| is_told.contains(reason)), "{reasons:?}");
            expect_served(&served).await;
        }
    }

    /// A client that works is never too much.
    async fn many_requests_and_many_small_pieces_are_no_flood(server) {
        let served = server.serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        for _ in 0..500 {
            client.post("/all?9", "x").await.expect(200, "x");
        }
        client.get("/all?9").await.expect(200, "");
        let mut exchange = client.begin(client.request("POST", "/")).await;
        exchange.head().await;
        for _ in 0..50 {
            for _ in 0..50 {
                exchange.send("x", false).await;
            }
            exchange.content(50).await;
        }
    }
}

/// Sends the one, and the other for as long as the server takes it. With which codes it says good-bye.
async fn flood(served: &Served, first: &[u8], again: &[u8]) -> Vec<Reason> {
    let mut frames = served.connect_frames().await;
    let (bytes, times) = if again.is_empty() { (first.to_vec(), 1) } else { (again.repeat(100), 1_000) };
    if !again.is_empty() {
        frames.send_bytes(first).await;
    }
    frames.flood(&bytes, bytes.len() * times).await;
    let mut reasons = Vec::new();
    while let Some(frame) = frames.receive().await {
        if frame.kind == GOAWAY {
            reasons.push(frame.reason());
        }
    }
    reasons
}

async fn expect_served(served: &Served) {
    assert_eq!(served.connect_http2().await.get("/").await.status, 200);
}
