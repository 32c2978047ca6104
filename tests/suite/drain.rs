//! The server's polite end: what is under way is finished, what is idle is closed, what hangs is counted.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windhover_contract::{Application, Drained, Request, Response, Server};
use windhover_http::{HttpConfig, HttpServer};
use windhover_tests::{Hold, Served, bounded, for_each_server, guest};

use crate::{HELLO, SECOND, get};

for_each_server! {
    async fn a_server_without_exchanges_ends_at_once(server) {
        let served = server.by_hand().serve(guest("rust-hello")).await;
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    async fn idle_connections_are_closed_at_once(server) {
        let mut served = server.by_hand().serve(guest("rust-hello")).await;
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.begin_shutdown();
        used.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_connection_that_never_brought_a_request_is_idle(server) {
        let mut served = server.by_hand().serve(guest("rust-hello")).await;
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
        let mut served = server.by_hand().serve(guest("rust-hello")).await;
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
        let (mut served, hold) = Hold::serve(server.by_hand()).await;
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
        let mut served = server.by_hand().serve(guest("streams")).await;
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
        let (mut served, hold) = Hold::serve(server.by_hand()).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        for wire in [&mut first, &mut second] {
            wire.send(get("/")).await;
            bounded("the request to arrive", hold.begun.notified()).await;
        }
        served.hand().jump(TIME); // what waited for these heads waits no more
        served.begin_shutdown();
        bounded("the server to drain", served.hand().wait_until_armed_at(TIME)).await;
        served.let_almost_pass(TIME).await;
        for wire in [&mut first, &mut second] {
            wire.expect_nothing_yet().await;
        }
        served.let_pass(SECOND).await;
        first.expect_closed().await;
        second.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Forced { abandoned: 2 });
    }
}

/// Waits for what comes by itself, or after some such steps of time.
async fn in_steps(served: &Served, step: Duration, wait: impl Future<Output = ()>) {
    let passing = async {
        loop {
            served.hand().advance(step).await;
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
    let address = server.addresses().iter().next().expect("it is bound").trim_start_matches("http://").to_owned();
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
