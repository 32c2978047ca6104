//! Standard components of `wasi:http` 0.2: they run unchanged, and may ask Windhover for more.

use std::time::Duration;

use windhover_tests::{for_each_server, guest};

use crate::{fault, get, ok, post};

for_each_server! {
    async fn a_standard_component_answers(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + &get("/none")).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 22\r\ncontent-type: text/plain; charset=utf-8\r\ndate: …\r\n\r\n";
        wire.expect(&format!("{head}Hello from wasi:http!\n")).await;
        wire.expect(head).await;
        let absent = head.replace("200 OK", "404 Not Found").replace("22", "23");
        wire.expect(&format!("{absent}There is nothing here.\n")).await;
    }

    async fn its_content_passes_in_both_directions_at_once(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: text/x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
        )
        .await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-type: text/x\r\ntransfer-encoding: chunked\r\ndate: …\r\n\r\n").await;
        assert_eq!(wire.receive_content(5).await, b"first");
        wire.send("6\r\nsecond\r\n").await;
        assert_eq!(wire.receive_content(6).await, b"second");
        wire.send("0\r\n\r\n").await;
        assert_eq!(wire.receive_chunk().await, None);
        wire.send(get("/")).await;
        assert_eq!(wire.receive_response().await.text(), "Hello from wasi:http!\n");
    }

    async fn its_content_may_be_larger_than_every_buffer(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send(format!("POST /echo HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 64 * 65_536)).await;
        wire.receive_head().await;
        for turn in 0..64_u8 {
            let piece = vec![turn; 65_536];
            wire.send(&piece).await;
            assert!(wire.receive_content(65_536).await == piece, "the bytes come back unchanged");
        }
        assert_eq!(wire.receive_chunk().await, None);
    }

    async fn it_is_told_what_the_target_says(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        for (request, authority, path) in [
            ("GET /request?a=%20b HTTP/1.1\r\nhost: a.example:81", "a.example:81", "/request\nquery=a=%20b"),
            ("GET SCHEME://b.example/request HTTP/1.1\r\nhost: b.example", "b.example", "/request"),
        ] {
            let scheme = served.scheme();
            wire.send(format!("{}\r\n\r\n", request.replace("SCHEME", scheme))).await;
            let facts = format!("method=GET\nscheme={scheme}\nauthority={authority}\npath={path}\n");
            assert_eq!(wire.receive_response().await.text(), facts, "for {request:?}");
        }
    }

    /// wasi:http has always an authority, HTTP has not.
    async fn a_request_without_host_is_400_or_answered_but_never_500(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
        for request in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nhost:\r\n\r\n"] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            assert_eq!(wire.receive_response().await.text(), "Hello from wasi:http!\n", "for {request:?}");
        }
    }

    async fn options_for_the_whole_server_reaches_the_guest(server) {
        let served = server.serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 404 Not Found");
    }

    async fn content_that_grows_beyond_the_limit_breaks_its_answer_off(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("rust-wasi-http")).await;
        let mut wire = served.connect().await;
        wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        let received = wire.receive_head().await;
        assert_eq!(wire.receive_content(3).await, b"abc");
        wire.send("3\r\ndef\r\n").await;
        assert_eq!(wire.expect_reset_mid_body(&received).await, b"");
    }

    async fn it_may_ask_windhover_for_what_wasi_http_cannot_tell(server) {
        let served = server.serve(guest("wasi-with-features")).await;
        let mut wire = served.connect().await;
        wire.send(get("/a%20b?c")).await;
        let response = wire.receive_response().await;
        let remote = wire.local().map(|address| address.ip().to_string());
        assert_eq!(response.text(), format!("GET /a%20b?c from {remote:?} to 1 address\n"));
    }

    async fn it_may_answer_through_windhover_too_and_the_first_answer_counts(server) {
        let served = server.serve(guest("wasi-uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(get("/twice") + &get("/twice-the-other-way")).await;
        wire.expect(&ok("the first\n")).await;
        assert_eq!(wire.receive_response().await.text(), "Err(Error::AlreadyStarted)\n");
    }

    async fn its_content_has_one_reader(server) {
        let served = server.serve(guest("wasi-with-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/both", "content")).await;
        assert_eq!(wire.receive_response().await.text(), "Err(\"taken\")\n");
    }

    async fn its_traps_are_like_any_guests(server) {
        let served = server.serve(guest("wasi-traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        for path in ["/unfinished", "/left"] {
            let mut wire = served.connect().await;
            wire.send(get(path)).await;
            wire.expect_broken_answer().await;
        }
    }

    async fn an_answer_that_is_finished_stands_whatever_its_guest_does_after(server) {
        let served = server.serve(guest("wasi-traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/finished")).await;
        assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
    }

    async fn its_silence_and_its_errors_are_500_without_a_word(server) {
        for guest in [guest("wasi-silent"), guest("wasi-errors")] {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/") + &get("/")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
        }
    }

    /// Guards against: wasmtime hands `te` to guests, and what `connection` names, as if they were about the request.
    async fn the_fields_of_the_connection_are_not_its_business(server) {
        let served = server.serve(guest("wasi-counts")).await;
        let mut wire = served.connect().await;
        // Whatever the client calls a field of the connection: whom it asks is not one.
        wire.send(
            "POST /fields HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, X-Hop, host, te\r\nkeep-alive: timeout=5\r\n\
             te: trailers\r\nx-hop: 1\r\nx-end: 1\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(wire.receive_response().await.text(), "trailer x-end");
    }

    /// Nobody reads the content before there is a head, nor that of a request before it is sent, and the guest waits for
    /// that before it goes on. Its time is not waited for.
    async fn a_guest_that_waits_for_itself_is_ended_at_once(server) {
        let served = server.sandbox_limits(|limits| limits.timeout = LONG).serve(guest("wasi-writes-early")).await;
        let mut wire = served.connect().await;
        for path in ["/", "/request"] {
            wire.send(get(path)).await;
            wire.expect(&fault("500 Internal Server Error")).await;
        }
    }

    /// Where something else can wake the guest, it may still set its outparam.
    async fn a_guest_that_waits_for_more_than_itself_goes_on(server) {
        let served = server.serve(guest("wasi-writes-early")).await;
        let mut wire = served.connect().await;
        wire.send(get("/patient")).await;
        wire.receive_head().await;
        assert_eq!(wire.receive_content(4 << 20).await, vec![b'x'; 4 << 20]);
        assert_eq!(wire.receive_chunk().await, None);
    }
}

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(3600);
