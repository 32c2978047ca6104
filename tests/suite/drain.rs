//! The server's polite end: what is under way is finished, what is idle is closed, what hangs is counted.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::Notify;
use windhover_contract::{Body, Drained, Response};
use windhover_tests::{Served, TestServer, bounded, for_each_server, guest};

use crate::{HELLO, get};

for_each_server! {
    async fn a_server_without_exchanges_ends_at_once(server) {
        let served = server.limits(|limits| limits.drain_timeout = LONG).serve(guest("rust-hello")).await;
        assert_eq!(served.shutdown().await, Drained::Clean);
    }

    async fn idle_connections_are_closed_at_once(server) {
        let mut served = server.limits(|limits| limits.drain_timeout = LONG).serve(guest("rust-hello")).await;
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.begin_shutdown();
        used.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_connection_that_never_brought_a_request_is_idle(server) {
        let mut served = server.limits(|limits| limits.drain_timeout = LONG).serve(guest("rust-hello")).await;
        let mut fresh = served.connect().await;
        // A connection behind it that is served: so the fresh one has been accepted too.
        let mut used = served.connect().await;
        used.send(get("/")).await;
        used.expect(HELLO).await;
        served.begin_shutdown();
        fresh.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn a_head_that_is_half_here_is_not_waited_for(server) {
        let mut served = server.limits(|limits| limits.drain_timeout = LONG).serve(guest("rust-hello")).await;
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
        first.expect_closed().await;
        second.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn an_exchange_under_way_is_finished_and_nobody_new_is_taken_in(server) {
        let (mut served, hold) = serve_held(server.limits(|limits| limits.drain_timeout = LONG)).await;
        let mut idle = served.connect().await;
        let mut working = served.connect().await;
        working.send(get("/")).await;
        bounded("the request to arrive", hold.begun.notified()).await;
        served.begin_shutdown();
        idle.expect_closed().await; // now the server is draining
        assert!(served.try_connect().await.is_err(), "a server that leaves takes nobody in");
        hold.release.notify_one();
        let response = working.receive_response().await;
        assert_eq!((response.status_line.as_str(), response.text()), ("HTTP/1.1 200 OK", "held\n"));
        working.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn content_under_way_is_finished(server) {
        let mut served = server.limits(|limits| limits.drain_timeout = LONG).serve(guest("streams")).await;
        let (mut idle, mut working) = (served.connect().await, served.connect().await);
        working.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        working.receive_head().await;
        working.expect("6\r\nfirst\n\r\n").await;
        served.begin_shutdown();
        idle.expect_closed().await; // now the server is draining
        working.send("go").await;
        working.expect("7\r\nsecond\n\r\n0\r\n\r\n").await;
        working.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Clean);
    }

    async fn exchanges_that_hang_are_abandoned_and_counted(server) {
        let (mut served, hold) = serve_held(server.limits(|limits| limits.drain_timeout = SHORT)).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        for wire in [&mut first, &mut second] {
            wire.send(get("/")).await;
            bounded("the request to arrive", hold.begun.notified()).await;
        }
        served.begin_shutdown();
        first.expect_closed().await;
        second.expect_closed().await;
        assert_eq!(served.drained().await, Drained::Forced { abandoned: 2 });
    }
}

/// An application that says when a request has come and answers when it may.
#[derive(Default)]
struct Hold {
    begun: Notify,
    release: Notify,
}

async fn serve_held(server: TestServer) -> (Served, Arc<Hold>) {
    let hold = Arc::new(Hold::default());
    let held = Arc::clone(&hold);
    let served = server
        .serve_fn(move |_| {
            let held = Arc::clone(&held);
            async move {
                held.begun.notify_one();
                held.release.notified().await;
                let mut response = Response::empty(StatusCode::OK);
                response.body = Body::full("held\n");
                response
            }
        })
        .await;
    (served, hold)
}

/// Longer than a test may take: who waits for it fails.
const LONG: Duration = Duration::from_secs(600);

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(50);
