//! How slowly a client may take an answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use tokio::sync::Notify;
use windhover_contract::{Body, Fault, Response};
use windhover_tests::{Served, TestServer, Wire, bounded, for_each_server, for_each_socket, guest};

use crate::{SECOND, get, ok};

for_each_server! {
    /// The guest that writes to such a client would sleep forever, and nobody else could have its instance.
    async fn a_client_that_takes_nothing_is_given_up(server) {
        let server = server.with_test_clock().sandbox_limits(|limits| limits.max_instances = 1);
        let served = server.serve(guest("streams")).await;
        let mut deaf = served.connect().await;
        deaf.send(get("/endless")).await;
        deaf.receive_head().await;
        let mut next = served.connect().await;
        next.send(get("/empty")).await;
        let_time_pass_until_it_is_answered(&served, &mut next).await;
        assert_eq!(next.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    async fn a_guest_may_ask_its_client_to_take_it_faster(server) {
        let server = server.with_test_clock().sandbox_limits(|limits| limits.max_instances = 1);
        let served = server.serve(guest("uses-features")).await;
        let mut deaf = served.connect().await;
        deaf.send(get("/limits/response-rate?4294967295,2000")).await;
        deaf.receive_head().await;
        let mut next = served.connect().await;
        next.send(get("/limits/none")).await;
        let_time_pass_until_it_is_answered(&served, &mut next).await;
        next.expect(&ok("0 bytes\n")).await;
    }
}

/// What the client took at first, before the answer came to a stand, gives it time that nobody can tell beforehand.
async fn let_time_pass_until_it_is_answered(served: &Served, wire: &mut Wire) {
    let passing = async {
        while !wire.has_something().await {
            served.clock().jump(SECOND);
        }
    };
    bounded("an answer", passing).await;
}

for_each_socket! {
    /// And its system is told so: what it has not taken is not kept for it.
    async fn a_client_that_reads_nothing_has_the_grace_and_is_reset(server) {
        let (served, ended) = serve_endless(server).await;
        let mut wire = served.connect().await;
        let client = wire.local().expect("it came by TCP");
        wire.send(get("/")).await;
        served.almost_reach(GRACE).await;
        served.advance(SECOND).await;
        bounded("the answer to be given up", ended.notified()).await;
        served.forgotten(client).await;
        wire.expect_reset().await;
    }

    async fn a_client_that_reads_less_than_the_rate_is_given_up(server) {
        let (served, ended) = serve_endless(server).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        served.almost_reach(GRACE).await;
        let reading = async {
            while wire.take_or_end(100).await.is_some() {
                served.clock().jump(SECOND);
            }
            std::future::pending().await
        };
        tokio::select! {
            () = bounded("the answer to be given up", ended.notified()) => {}
            () = reading => {}
        }
    }

    async fn a_client_that_reads_at_the_rate_has_all_time(server) {
        let (served, ended) = serve_endless(server).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        served.almost_reach(GRACE).await;
        for _ in 0..600 {
            // The system tells the other side of room when there is much.
            wire.receive_exactly(WINDOW as usize, "an answer that goes on").await;
            served.clock().jump(GRACE - SECOND);
        }
        let mut other = served.connect().await;
        other.send("GET /head HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        other.receive_head().await;
        assert!(tokio::time::timeout(Duration::ZERO, ended.notified()).await.is_err(), "it was given up");
    }
}

/// An application whose answers do not end, and what says that one was given up.
async fn serve_endless(server: TestServer) -> (Served, Arc<Notify>) {
    let ended = Arc::new(Notify::new());
    let own = Arc::clone(&ended);
    let served = server.with_test_clock().serve_fn(move |_| {
        let mut response = Response::empty(StatusCode::OK);
        response.body = Body::stream(Endless(Arc::clone(&own)));
        async { response }
    });
    (served.await.with_window(WINDOW), ended)
}

struct Endless(Arc<Notify>);

impl http_body::Body for Endless {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[b'x'; 1 << 14])))))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// By default.
const GRACE: Duration = Duration::from_secs(5);

/// What the system of a client takes that it does not read.
const WINDOW: u32 = 4096;
