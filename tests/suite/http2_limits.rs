//! Every limit of HTTP/2, met: what is larger or slower than allowed is refused, what is just within is served. The
//! tests advance the clock.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use h2::Reason;
use http::StatusCode;
use tokio::sync::Notify;
use windhover_contract::{Body, DataRate, Drained, InRange, Limits, Response};
use windhover_http::{Clock, TestClock};
use windhover_tests::http2::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS,
    section,
};
use windhover_tests::{TestServer, bounded, for_each_http2, guest};

for_each_http2! {
    async fn header_sections_that_are_too_large_are_431(server) {
        let change = |limits: &mut Limits| (limits.max_request_line_size, limits.max_request_fields_size) = (InRange::of(100), InRange::of(900));
        let served = server.limits(change).serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        for (size, status) in [(600, 200), (1000, 431), (600, 200)] {
            // The library of the client holds itself to what the server has said, but counts as the server does not.
            let request = client.request("GET", "/").header("x", "y".repeat(size));
            assert_eq!(client.ask(request).await.status, status, "{size}");
        }
    }

    async fn as_many_fields_as_allowed_are_served_and_one_more_is_431(server) {
        let served = server.limits(|limits| limits.max_request_fields = InRange::of(5)).serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        for (count, status) in [(5, 200), (6, 431), (5, 200)] {
            let request = (0..count).fold(client.request("GET", "/"), |request, _| request.header("x", "y"));
            assert_eq!(client.ask(request).await.status, status, "{count}");
        }
    }

    async fn a_path_that_is_too_long_is_414(server) {
        let served = server.limits(|limits| limits.max_request_line_size = InRange::of(100)).serve(guest("rust-hello")).await;
        let mut client = served.connect_http2().await;
        for (size, status) in [(96, 200), (97, 414), (96, 200)] {
            // With GET and the authority.
            let answer = client.get(&format!("/{}", "x".repeat(size - 1))).await;
            assert_eq!(answer.status, status, "{size}");
        }
    }

    async fn content_beyond_the_limit_is_413(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        client.post("/must?9", "12345").await.expect(200, "12345");
        // As it grows, and as it is announced.
        let mut exchange = client.begin(client.request("POST", "/must?9")).await;
        exchange.send("123456", false).await;
        exchange.answer().await.expect(413, "");
        let request = client.request("POST", "/must?9").header("content-length", "6");
        client.begin(request).await.answer().await.expect(413, "");
        let request = client.request("POST", "/must?9").header("content-length", "6").header("expect", "100-continue");
        client.begin(request).await.answer().await.expect(413, "");
        client.post("/must?9", "12345").await.expect(200, "12345");
    }

    /// RFC 9113 §5.1.2.
    async fn one_stream_more_than_allowed_is_refused_and_may_be_tried_again(server) {
        let served = server.limits(|limits| limits.http2.max_streams = NonZeroU32::new(2).expect("it is not 0")).serve(guest("echoes")).await;
        let mut frames = served.connect_frames().await;
        let head = frames.head("POST", "/");
        for stream in [1, 3] {
            frames.send(Frame::new(HEADERS, END_HEADERS, stream, head.clone())).await;
            assert_eq!(frames.receive_kind(HEADERS).await.stream, stream);
        }
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 5, head.clone())).await;
        let refusal = frames.receive_kind(RST_STREAM).await;
        assert_eq!((refusal.stream, refusal.reason()), (5, Reason::REFUSED_STREAM));
        frames.send(Frame::new(DATA, END_STREAM, 1, *b"x")).await;
        while frames.receive_kind(DATA).await.flags & END_STREAM == 0 {}
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 7, head)).await;
        assert_eq!(frames.receive_kind(HEADERS).await.stream, 7);
    }

    async fn one_connection_more_than_allowed_is_answered_503(server) {
        let served = server.limits(|limits| limits.max_connections = NonZeroUsize::new(1)).serve(guest("rust-hello")).await;
        let mut first = served.connect_http2().await;
        assert_eq!(first.get("/").await.status, 200);
        let mut second = served.connect_http2().await;
        let refusal = second.get("/").await;
        refusal.expect(503, "");
        assert_eq!(refusal.fields, ["content-length: 0", "retry-after: 1"]);
        assert_eq!(first.get("/").await.status, 200);
    }

    async fn a_request_without_a_proper_authority_is_400(server) {
        let served = server.serve(guest("rust-hello")).await;
        let scheme = served.scheme();
        let mut client = served.connect_http2().await;
        let request = client.request("GET", "/").header("host", "b");
        client.ask(request).await.expect(400, "");
        client.get("/%00").await.expect(400, "");
        let mut frames = served.connect_frames().await;
        for (stream, fields) in (1..).step_by(2).zip([
            vec![],
            vec![(":authority", "user@a")],
            vec![(":authority", "a"), ("host", "a"), ("host", "a")],
            vec![("host", "a b")],
            vec![(":authority", "a:x")],
        ]) {
            let pseudo = section(&[(":method", "GET"), (":scheme", scheme), (":path", "/")]);
            frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, [pseudo, section(&fields)].concat())).await;
            let answer = bounded("an answer or a reset", async {
                loop {
                    let frame = frames.receive().await.expect("the connection goes on");
                    if frame.stream == stream {
                        break frame;
                    }
                }
            })
            .await;
            // What is no authority at all, the library takes for malformed.
            let is_refused = match answer.kind {
                HEADERS => answer.payload.first() == Some(&BAD_REQUEST),
                _ => answer.kind == RST_STREAM && answer.reason() == Reason::PROTOCOL_ERROR,
            };
            assert!(is_refused, "{fields:?}: {answer:?}");
        }
    }

    async fn a_client_that_says_nothing_is_let_go(server) {
        let (server, clock) = with_test_clock(server);
        let served = server
            // Over TLS it is known that HTTP/2 is to begin, and so that time runs.
            .limits(|limits| (limits.keep_alive_timeout, limits.request_head_timeout) = (LONG, LONG))
            .serve(guest("rust-hello"))
            .await;
        let mut frames = served.connect_silent_frames().await;
        pass(&clock, LONG).await;
        frames.expect_closed().await;
    }

    async fn a_beginning_that_is_not_finished_ends_in_time(server) {
        for beginning in [
            PREFACE[..10].to_vec(),
            PREFACE.to_vec(),
            [PREFACE, &Frame::new(SETTINGS, 0, 0, []).bytes()[..5]].concat(),
        ] {
            let (server, clock) = with_test_clock(server.clone());
            let served = server.limits(|limits| limits.request_head_timeout = LONG).serve(guest("rust-hello")).await;
            let mut frames = served.connect_silent_frames().await;
            frames.send_bytes(&beginning).await;
            pass(&clock, LONG).await;
            frames.expect_closed().await;
        }
    }

    async fn a_frame_or_a_header_section_that_is_not_finished_ends_in_time(server) {
        for is_section in [false, true] {
            let (server, clock) = with_test_clock(server.clone());
            let served = server.limits(|limits| limits.request_head_timeout = LONG).serve(guest("rust-hello")).await;
            let mut frames = served.connect_frames().await;
            frames.expect_alive().await;
            let head = frames.head("GET", "/");
            let part = Frame::new(HEADERS, END_STREAM, 1, head).bytes();
            frames.send_bytes(if is_section { &part } else { &part[..5] }).await;
            pass(&clock, LONG).await;
            frames.expect_goaway(Reason::ENHANCE_YOUR_CALM).await;
        }
    }

    /// Dribbling does not help: the time is that of the whole section.
    async fn a_header_section_that_comes_piece_by_piece_ends_in_time(server) {
        let (server, clock) = with_test_clock(server);
        let served = server.limits(|limits| limits.request_head_timeout = LONG).serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        frames.expect_alive().await;
        let head = frames.head("GET", "/");
        frames.send(Frame::new(HEADERS, END_STREAM, 1, head)).await;
        bounded("the limit to be waited for", clock.wait_until_armed(LONG)).await;
        clock.jump(LONG / 2);
        frames.send(Frame::new(CONTINUATION, 0, 1, section(&[("x", "y")]))).await;
        pass(&clock, LONG / 2).await;
        frames.expect_goaway(Reason::ENHANCE_YOUR_CALM).await;
    }

    async fn content_that_comes_too_slowly_is_408(server) {
        let (server, clock) = with_test_clock(server);
        let served = server.limits(|limits| limits.min_request_data_rate = Some(RATE)).serve(guest("echoes")).await;
        let mut client = served.connect_http2().await;
        let mut exchange = client.begin(client.request("POST", "/must?9")).await;
        exchange.send("ab", false).await;
        pass(&clock, RATE.grace).await;
        exchange.answer().await.expect(408, "");
        client.post("/must?9", "abc").await.expect(200, "abc");
    }

    /// What it takes between two waits counts, however long all of them are together.
    async fn a_client_that_takes_enough_has_all_the_time_that_its_content_needs(server) {
        let (server, clock) = with_test_clock(server);
        let served =
            server.limits(|limits| limits.min_response_data_rate = Some(RATE)).serve(guest("streams")).await;
        let mut client = served.connect_http2_with(|client| client.initial_window_size(1000)).await;
        let mut exchange = client.begin(client.request("POST", "/endless")).await;
        exchange.head().await;
        for _ in 0..20 {
            clock.wait_until_armed(RATE.grace).await;
            clock.jump(crate::SECOND);
            exchange.content(1000).await;
        }
    }

    async fn a_window_that_is_held_closed_ends_the_stream_and_no_other(server) {
        let (server, clock) = with_test_clock(server);
        let served = server
            .limits(|limits| limits.min_response_data_rate = Some(RATE))
            .sandbox_limits(|limits| limits.max_instances = 1)
            .serve(guest("streams"))
            .await;
        let mut client = served.connect_http2_with(|client| client.initial_window_size(10)).await;
        let mut exchange = client.begin(client.request("POST", "/endless")).await;
        exchange.head().await;
        pass(&clock, RATE.grace).await;
        let error = loop {
            match exchange.piece_kept().await {
                Ok(piece) => assert!(piece.is_some(), "the content is not whole"),
                Err(error) => break error,
            }
        };
        assert_eq!(error.reason(), Some(Reason::ENHANCE_YOUR_CALM));
        client.get("/empty").await.expect(200, "");
    }

    async fn a_connection_that_idles_for_too_long_is_told_and_closed(server) {
        let (server, clock) = with_test_clock(server);
        let served = server.limits(|limits| limits.keep_alive_timeout = LONG).serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        while frames.receive_kind(DATA).await.flags & END_STREAM == 0 {}
        frames.expect_alive().await; // the exchange has ended for the server too
        pass(&clock, LONG).await;
        let goaway = frames.receive_kind(GOAWAY).await;
        assert_eq!(goaway.reason(), Reason::NO_ERROR);
        answer_pings_until_closed(&mut frames).await;
    }

    /// The same by a client that does not care.
    async fn a_connection_that_idles_and_does_not_answer_is_closed_all_the_same(server) {
        let (server, clock) = with_test_clock(server);
        let served = server.limits(|limits| limits.keep_alive_timeout = LONG).serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        frames.expect_alive().await;
        pass(&clock, LONG).await;
        frames.receive_kind(GOAWAY).await;
        pass(&clock, Duration::from_secs(1)).await;
        frames.expect_closed().await;
    }

    async fn a_client_that_does_not_answer_whether_it_is_there_is_let_go(server) {
        let (server, clock) = with_test_clock(server);
        let change = |limits: &mut Limits| {
            limits.keep_alive_timeout = LONG * 100;
            (limits.http2.keep_alive_ping_after, limits.http2.keep_alive_ping_timeout) = (Some(LONG), LONG * 50);
        };
        let served = server.limits(change).serve(guest("rust-hello")).await;
        let mut frames = served.connect_frames().await;
        for is_there in [true, false] {
            pass(&clock, LONG).await;
            let asked = frames.receive_kind(PING).await;
            assert_eq!(asked.flags, 0);
            if is_there {
                frames.send(Frame::new(PING, ACK, 0, asked.payload)).await;
            }
        }
        pass(&clock, LONG * 50).await;
        frames.expect_closed().await;
    }

    /// RFC 9113 §6.8.
    async fn a_server_that_leaves_says_so_and_lets_exchanges_finish(server) {
        let release = Arc::new(Notify::new());
        let begun = Arc::new(Notify::new());
        let (held, begins) = (Arc::clone(&release), Arc::clone(&begun));
        let mut served = server
            .limits(|limits| limits.drain_timeout = LONG)
            .serve_fn(move |_| {
                let (held, begins) = (Arc::clone(&held), Arc::clone(&begins));
                async move {
                    begins.notify_one();
                    held.notified().await;
                    let mut response = Response::empty(StatusCode::OK);
                    response.body = Body::full("held\n");
                    response
                }
            })
            .await;
        let idle = served.connect_http2().await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        bounded("the request to arrive", begun.notified()).await;
        served.begin_shutdown();
        assert_eq!(frames.receive_kind(GOAWAY).await.reason(), Reason::NO_ERROR);
        idle.ended().await.expect("it ends without an error");
        release.notify_one();
        let mut content = Vec::new();
        while let Some(frame) = frames.receive().await {
            match frame.kind {
                PING if frame.flags == 0 => frames.try_send(Frame::new(PING, ACK, 0, frame.payload)).await,
                DATA => content.extend(frame.payload),
                _ => {}
            }
        }
        assert_eq!(content, b"held\n");
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn exchanges_that_hang_are_abandoned_when_the_server_leaves(server) {
        let mut served = server
            .limits(|limits| limits.drain_timeout = Duration::from_millis(50))
            .serve_fn(|_| std::future::pending())
            .await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        frames.expect_alive().await;
        served.begin_shutdown();
        frames.receive_kind(GOAWAY).await;
        frames.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Forced { abandoned: 1 });
    }
}

/// Ends what a graceful end begins with: a client that has answered the PING behind the first GOAWAY has seen that.
async fn answer_pings_until_closed(frames: &mut windhover_tests::http2::Frames) {
    while let Some(frame) = frames.receive().await {
        if frame.kind == PING && frame.flags == 0 {
            frames.try_send(Frame::new(PING, ACK, 0, frame.payload)).await;
        }
    }
}

async fn pass(clock: &TestClock, time: Duration) {
    bounded("the limit to be waited for", clock.advance(time)).await;
}

fn with_test_clock(server: TestServer) -> (TestServer, TestClock) {
    let (clock, moves) = Clock::manual();
    (server.config(move |config| config.clock = clock.clone()), moves)
}

/// Shorter than every other limit, and much longer than a test takes.
const LONG: Duration = Duration::from_secs(4);

const RATE: DataRate =
    DataRate { bytes_per_second: NonZeroU32::new(1000).expect("it is not 0"), grace: Duration::from_secs(3) };

/// `:status 400` in the static table of HPACK.
const BAD_REQUEST: u8 = 0x8c;
