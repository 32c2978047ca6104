//! The server's polite end: what is under way is finished, what is idle is closed, what hangs is counted.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::StatusCode;
use http_body::Frame;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windhover_contract::{Application, Body, Drained, Fault, Request, Response, Server, ServerHandle};
use windhover_http::{HttpConfig, HttpServer};
use windhover_tests::http2::{GOAWAY, HEADERS, RST_STREAM};
use windhover_tests::{Hold, Served, bounded, for_each_http2, for_each_server, guest};

use crate::{HELLO, SECOND, get};

for_each_server! {
    async fn a_server_without_exchanges_ends_at_once(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    async fn idle_connections_are_closed_at_once(server) {
        let mut served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.begin_shutdown();
        used.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_request_that_comes_in_the_grace_of_an_idle_connection_is_answered(server) {
        let server = server.with_test_clock().limits(|limits| limits.drain_idle_grace = 2 * SECOND);
        let mut served = server.serve(guest("rust-hello")).await;
        let (mut used, mut other, mut fresh) =
            (served.connect().await, served.connect().await, served.connect().await);
        for wire in [&mut used, &mut other] {
            wire.send(get("/")).await;
            wire.expect(HELLO).await;
        }
        served.begin_shutdown();
        served.almost_reach(2 * SECOND).await;
        for wire in [&mut used, &mut fresh] {
            wire.expect_nothing_yet().await;
            wire.send(get("/")).await;
            wire.expect(&HELLO.replace("content-length", "connection: close\r\ncontent-length")).await;
            wire.expect_closed().await;
        }
        other.expect_nothing_yet().await;
        served.advance(SECOND).await;
        other.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_client_that_was_silent_for_long_has_the_grace_too(server) {
        let server = server.with_test_clock().limits(|limits| limits.drain_idle_grace = 2 * SECOND);
        let mut served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
        served.clock().jump(10 * SECOND);
        let mut later = served.connect().await;
        later.send(get("/")).await;
        later.expect(HELLO).await;
        served.begin_shutdown();
        served.almost_reach(2 * SECOND).await;
        wire.send(get("/")).await;
        wire.expect(&HELLO.replace("content-length", "connection: close\r\ncontent-length")).await;
        wire.expect_closed().await;
        served.advance(SECOND).await;
        later.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn the_grace_is_no_longer_than_half_of_the_time_to_drain(server) {
        let change = |limits: &mut windhover_contract::Limits| {
            (limits.drain_idle_grace, limits.drain_timeout) = (TIME, 4 * SECOND);
        };
        let mut served = server.with_test_clock().limits(change).serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
        served.begin_shutdown();
        served.almost_reach(2 * SECOND).await;
        wire.expect_nothing_yet().await;
        served.advance(SECOND).await;
        wire.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn an_answer_that_has_begun_is_cut_off_when_its_time_is_over_and_not_counted(server) {
        let server = server.with_test_clock().limits(|limits| limits.drain_answer_timeout = Some(5 * SECOND));
        let mut served = server.serve_fn(|_| {
            let mut response = Response::empty(StatusCode::OK);
            response.body = Body::stream(NeverEnding);
            std::future::ready(response)
        })
        .await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        let head = wire.receive_head().await;
        served.begin_shutdown();
        served.almost_reach(5 * SECOND).await;
        wire.expect_nothing_yet().await;
        served.advance(SECOND).await;
        wire.expect_reset_mid_body(&head).await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn an_answer_that_has_not_begun_has_all_the_time_to_drain(server) {
        let server = server.with_test_clock().limits(|limits| limits.drain_answer_timeout = Some(5 * SECOND));
        let (mut served, hold) = Hold::serve(server).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        bounded("the request to arrive", hold.begun.notified()).await;
        served.clock().jump(TIME); // what waited for the head waits no more
        served.begin_shutdown();
        bounded("the server to drain", served.clock().wait_until_armed_at(TIME)).await;
        served.clock().jump(20 * SECOND);
        wire.expect_nothing_yet().await;
        hold.release.notify_one();
        assert_eq!(wire.receive_response().await.text(), "held\n");
        wire.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_connection_that_never_brought_a_request_is_idle(server) {
        let mut served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut fresh = served.connect().await;
        // A connection behind it that is served: so the fresh one has been accepted too.
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.begin_shutdown();
        in_steps(&served, MOMENT, fresh.expect_closed()).await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_head_that_is_half_here_is_not_waited_for(server) {
        let mut served = server.with_test_clock().serve(guest("rust-hello")).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        second.send(get("/")).await;
        second.expect(HELLO).await;
        for wire in [&mut first, &mut second] {
            wire.send("GET / HTTP/1.1\r\n").await;
        }
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await; // now the halves have come too
        served.begin_shutdown();
        let closed = async {
            first.expect_closed().await;
            second.expect_closed().await;
        };
        in_steps(&served, SECOND, closed).await; // a moment for them
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn an_exchange_under_way_is_finished_and_nobody_new_is_taken_in(server) {
        let (mut served, hold) = Hold::serve(server.with_test_clock()).await;
        let mut idle = served.connect().await;
        let mut working = served.connect().await;
        working.send(get("/")).await;
        bounded("the request to arrive", hold.begun.notified()).await;
        served.begin_shutdown();
        in_steps(&served, MOMENT, idle.expect_closed()).await; // now the server is draining
        assert!(served.try_connect().await.is_err(), "a server that leaves takes nobody in");
        hold.release.notify_one();
        let response = working.receive_response().await;
        assert_eq!((response.status_line.as_str(), response.text()), ("HTTP/1.1 200 OK", "held\n"));
        working.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn content_under_way_is_finished(server) {
        let mut served = server.with_test_clock().serve(guest("streams")).await;
        let (mut idle, mut working) = (served.connect().await, served.connect().await);
        working.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        working.receive_head().await;
        working.expect("6\r\nfirst\n\r\n").await;
        served.begin_shutdown();
        in_steps(&served, MOMENT, idle.expect_closed()).await; // now the server is draining
        working.send("go").await;
        working.expect("7\r\nsecond\n\r\n0\r\n\r\n").await;
        working.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn exchanges_that_hang_are_abandoned_and_counted(server) {
        let (mut served, hold) = Hold::serve(server.with_test_clock()).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        for wire in [&mut first, &mut second] {
            wire.send(get("/")).await;
            bounded("the request to arrive", hold.begun.notified()).await;
        }
        served.clock().jump(TIME); // what waited for these heads waits no more
        served.begin_shutdown();
        bounded("the server to drain", served.clock().wait_until_armed_at(TIME)).await;
        served.almost_reach(TIME).await;
        for wire in [&mut first, &mut second] {
            wire.expect_nothing_yet().await;
        }
        served.advance(SECOND).await;
        first.expect_closed().await;
        second.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Forced { abandoned: 2 });
    }
}

/// Waits for what comes by itself, or after some such steps of time.
async fn in_steps(served: &Served, step: Duration, wait: impl Future<Output = ()>) {
    let passing = async {
        loop {
            served.clock().advance(step).await;
        }
    };
    tokio::select! {
        () = wait => {}
        () = passing => {}
    }
}

/// Their system has told them that they are connected.
#[tokio::test]
async fn who_has_connected_before_the_server_leaves_is_answered() {
    let endpoints = vec!["http://127.0.0.1:0".into()];
    let server = HttpServer::bind(HttpConfig { endpoints, ..HttpConfig::default() }).expect("a free port");
    let addresses = server.handle().addresses();
    let address = addresses.iter().next().expect("it is bound").trim_start_matches("http://").to_owned();
    let mut clients = Vec::new();
    for _ in 0..50 {
        let mut client = TcpStream::connect(&address).await.expect("it listens");
        client.write_all(get("/").as_bytes()).await.expect("it can be written to");
        clients.push(client);
    }
    let drained = server.serve(Arc::new(Empty), std::future::ready(()));
    assert_eq!(bounded("the server to drain", drained).await.expect("it has threads"), Drained::Clean);
    for mut client in clients {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it is answered and closed");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

for_each_server! {
    /// From the moment that its readiness turns.
    async fn answers_say_that_nothing_follows_when_the_server_is_about_to_leave(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.announce_shutdown();
        let new = served.connect().await; // it still serves
        for mut wire in [used, new] {
            wire.send(get("/")).await;
            wire.expect(&HELLO.replace("content-length", "connection: close\r\ncontent-length")).await;
            wire.expect_closed().await;
        }
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    /// A connection that was told nothing is not closed for that: its client may be about to ask.
    async fn the_grace_of_idle_connections_counts_from_the_announcement(server) {
        let server = server.with_test_clock().limits(|limits| limits.drain_idle_grace = 10 * SECOND);
        let mut served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
        served.announce_shutdown();
        served.round_trip().await; // the connection's task has heard of it
        served.clock().jump(8 * SECOND);
        wire.expect_nothing_yet().await;
        served.begin_shutdown();
        served.almost_reach(2 * SECOND).await;
        wire.expect_nothing_yet().await;
        served.advance(SECOND).await;
        wire.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }
}

for_each_http2! {
    async fn a_client_of_http2_is_told_when_the_server_is_about_to_leave(server) {
        let served = server.serve(guest("streams")).await;
        let mut used = served.connect_frames().await;
        used.get(1, "/empty").await;
        used.receive_kind(HEADERS).await;
        served.announce_shutdown();
        assert_eq!(used.receive_kind(GOAWAY).await.reason(), Reason::NO_ERROR);
        used.get(3, "/empty").await;
        used.receive_kind(HEADERS).await; // it was on its way
        let mut new = served.connect_frames().await;
        new.get(1, "/empty").await;
        let mut kinds = Vec::new();
        while !(kinds.contains(&HEADERS) && kinds.contains(&GOAWAY)) {
            kinds.push(new.receive().await.expect("it is answered, and told").kind);
        }
    }

    async fn a_stream_that_goes_on_is_cut_off_when_its_time_is_over_and_not_counted(server) {
        let server = server.limits(|limits| limits.drain_answer_timeout = Some(Duration::from_millis(20)));
        let mut served = server.serve_fn(|_| {
            let mut response = Response::empty(StatusCode::OK);
            response.body = Body::stream(NeverEnding);
            std::future::ready(response)
        })
        .await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        frames.receive_kind(HEADERS).await;
        served.begin_shutdown();
        assert_eq!(frames.receive_kind(RST_STREAM).await.reason(), Reason::CANCEL);
        frames.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }
}

/// Content that is always about to come.
struct NeverEnding;

impl http_body::Body for NeverEnding {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Pending
    }
}

struct Empty;

impl Application for Empty {
    async fn handle(&self, _: Request) -> Response {
        Response::empty(StatusCode::OK)
    }
}

/// What a client has to begin that has said nothing yet.
const MOMENT: Duration = Duration::from_millis(100);

/// By default.
const TIME: Duration = Duration::from_secs(30);
