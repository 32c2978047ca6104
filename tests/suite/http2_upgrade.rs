//! Another protocol on a stream of HTTP/2, by extended CONNECT (RFC 8441).

use std::num::NonZeroUsize;

use h2::Reason;
use h2::ext::Protocol;
use windhover_contract::Limits;
use windhover_tests::http2::{END_HEADERS, Exchange, Frame, HEADERS, Http2, RST_STREAM, SETTINGS, section};
use windhover_tests::{Frame as Message, for_each_http2, guest};

use crate::in_every_world;

for_each_http2! {
    /// RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL is 1.
    async fn the_server_says_that_it_can(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        let settings = frames.receive_kind(SETTINGS).await.payload;
        assert!(settings.chunks(6).any(|setting| setting == [0, 8, 0, 0, 0, 1]), "{settings:?}");
        let mut client = served.connect_http2().await;
        client.get("/").await;
        assert!(client.can_connect());
    }

    async fn a_stream_becomes_a_websocket(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut stream = open(&mut client, "websocket", "/websocket/accept").await;
            let head = stream.head().await;
            assert_eq!((head.status, head.fields), (200, vec!["x-more: yes".to_owned()]));
            stream.send(Message::text("grüße").bytes(), false).await;
            assert_eq!(stream.content(9).await, [&[0x81, 7], "grüße".as_bytes()].concat());
            client.get("/websocket/requested").await.expect(200, "None\n");
            stream.send(Message::close(1000, "done").bytes(), false).await;
            assert_eq!(stream.content(8).await, [&[0x88, 6, 3, 232], "done".as_bytes()].concat());
            assert_eq!(stream.piece().await.expect("it ends and is not reset"), None);
        }
    }

    async fn bytes_go_both_ways_after_the_switch(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut stream = open(&mut client, "echo", "/upgrade/echo").await;
            // The client need not wait for the answer before it speaks.
            stream.send("first", false).await;
            let head = stream.head().await;
            assert_eq!((head.status, head.fields), (200, vec!["x-more: yes".to_owned()]));
            assert_eq!(stream.content(5).await, b"first");
            stream.send("second", false).await;
            assert_eq!(stream.content(6).await, b"second");
            stream.send("quit", false).await;
            assert_eq!(stream.content(3).await, b"bye");
            assert_eq!(stream.piece().await.expect("it ends and is not reset"), None);
        }
    }

    async fn more_than_every_buffer_passes_through(server) {
        let served = server.serve(guest("uses-features")).await;
        let mut client = served.connect_http2().await;
        let mut stream = open(&mut client, "echo", "/upgrade/echo").await;
        stream.head().await;
        for turn in 0..64_u8 {
            let piece = vec![turn; 65_536];
            stream.send(piece.clone(), false).await;
            assert!(stream.content(piece.len()).await == piece, "the bytes come back");
        }
        stream.send("quit", true).await;
        assert_eq!(stream.content(3).await, b"bye");
    }

    async fn a_client_that_ends_its_side_is_seen_to_and_may_still_be_answered(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut stream = open(&mut client, "echo", "/upgrade/echo").await;
            stream.head().await;
            stream.send("", true).await;
            assert_eq!(stream.content(3).await, b"bye");
            assert_eq!(stream.piece().await.expect("it ends and is not reset"), None);
        }
    }

    async fn what_the_client_asks_for_is_told(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            // A guest that does not answer to the wish must not seem to.
            open(&mut client, "Echo/2", "/upgrade/requested").await.answer().await.expect(501, "");
            client.get("/upgrade/requested").await.expect(200, "[]\n");
        }
    }

    async fn a_guest_may_decline(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let answer = open(&mut client, "echo", "/upgrade/decline").await.answer().await;
            assert_eq!(answer.status, 501, "a success would be the promise of a tunnel: {answer}");
            client.get("/upgrade/requested").await.expect(200, "[]\n");
        }
    }

    async fn a_guest_that_traps_after_the_switch_resets_its_stream(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut stream = open(&mut client, "echo", "/upgrade/traps").await;
            // What it sent just before may be lost with the stream.
            assert_eq!(stream.reset_by_server().await, Reason::INTERNAL_ERROR);
            client.get("/upgrade/requested").await.expect(200, "[]\n");
        }
    }

    /// The instance is free again for the next.
    async fn a_client_that_resets_its_stream_ends_the_guest(server) {
        for guest in in_every_world() {
            let served = server.clone().sandbox_limits(|limits| limits.max_instances = 1).serve(guest).await;
            let mut client = served.connect_http2().await;
            let mut stream = open(&mut client, "echo", "/upgrade/echo").await;
            stream.head().await;
            stream.reset(Reason::CANCEL);
            client.get("/upgrade/requested").await.expect(200, "[]\n");
        }
    }

    async fn one_upgraded_stream_more_than_allowed_is_503(server) {
        let change = |limits: &mut Limits| limits.max_upgraded_connections = NonZeroUsize::new(1);
        let served = server.limits(change).serve(guest("uses-features")).await;
        let mut client = served.connect_http2().await;
        let mut first = open(&mut client, "echo", "/upgrade/echo").await;
        assert_eq!(first.head().await.status, 200);
        let refusal = open(&mut client, "echo", "/upgrade/echo").await.answer().await;
        refusal.expect(503, "");
        assert_eq!(refusal.fields, ["content-length: 0", "retry-after: 1"]);
        first.send("still here", false).await;
        assert_eq!(first.content(10).await, b"still here");
        first.send("quit", true).await;
        assert_eq!(first.content(3).await, b"bye");
        assert_eq!(first.piece().await.expect("it ends and is not reset"), None);
        let mut second = open(&mut client, "echo", "/upgrade/echo").await;
        assert_eq!(second.head().await.status, 200);
    }

    /// HTTP/2 has no Upgrade field, which 426 must have (RFC 9110 §15.5.22).
    async fn a_websocket_of_another_version_is_400_with_the_one_that_is_spoken(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut client = served.connect_http2().await;
            client.get("/upgrade/requested").await;
            let request = client.request("CONNECT", "/websocket/accept").extension(Protocol::from("websocket"));
            let answer = client.begin(request.header("sec-websocket-version", "12")).await.answer().await;
            answer.expect(400, "");
            assert_eq!(answer.fields, ["content-length: 0", "sec-websocket-version: 13"]);
        }
    }

    /// A success would be the promise of a tunnel.
    async fn a_connect_of_the_old_kind_is_501(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        let request = http::Request::builder().method("CONNECT").uri("a:80");
        client.ask(request).await.expect(501, "");
    }

    /// RFC 8441 §4, RFC 9113 §8.3.1.
    async fn an_extended_connect_that_is_malformed_resets_its_stream(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        let scheme = served.scheme();
        let (connect, protocol) = ((":method", "CONNECT"), (":protocol", "websocket"));
        for (stream, fields) in (1..).step_by(2).zip([
            vec![connect, protocol, (":authority", "a")],
            vec![(":method", "GET"), protocol, (":authority", "a"), (":scheme", scheme), (":path", "/")],
        ]) {
            frames.send(Frame::new(HEADERS, END_HEADERS, stream, section(&fields))).await;
            let reset = frames.receive_kind(RST_STREAM).await;
            assert_eq!((reset.stream, reset.reason()), (stream, Reason::PROTOCOL_ERROR), "{fields:?}");
        }
    }
}

async fn open(client: &mut Http2, protocol: &'static str, path: &str) -> Exchange {
    let request = client.request("CONNECT", path).extension(Protocol::from(protocol));
    client.get("/upgrade/requested").await; // now the server's settings have come
    client.begin(request.header("sec-websocket-version", "13")).await
}
