//! Content that the application leaves where it is: the connection is used again as the answer has promised, or the
//! answer says that it is not.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http_body::Frame;
use tokio::sync::oneshot;
use tokio::sync::oneshot::Receiver;
use windhover_contract::{Body, Fault, HostFault, Response};
use windhover_tests::{Served, for_each_server, guest};

use crate::{SECOND, fault, get, ok, ok_and_close, post};

for_each_server! {
    async fn content_that_nobody_read_is_not_taken_for_the_next_request(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send(post("/", "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n") + &get("/")).await;
        wire.expect(&ok("not interested\n")).await;
        wire.expect(&ok("not interested\n")).await;
    }

    async fn content_that_comes_behind_the_answer_is_thrown_away(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        for size in [1, 10_000, 100_000, 262_144] {
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n")).await;
            wire.expect(&ok("not interested\n")).await;
            wire.send("x".repeat(size) + &get("/")).await;
            wire.expect(&ok("not interested\n")).await;
        }
    }

    async fn chunks_that_come_behind_the_answer_are_thrown_away(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        for count in [0, 1, 100] {
            wire.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
            wire.expect(&ok("not interested\n")).await;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
            wire.send(chunk.repeat(count) + "0\r\nx-trailer: 1\r\n\r\n" + &get("/")).await;
            wire.expect(&ok("not interested\n")).await;
        }
    }

    /// Whoever it is that answers.
    async fn the_next_request_is_answered_behind_every_status(server) {
        let served = server
            .serve_fn(|request| {
                std::future::ready(match request.target.path().as_ref() {
                    "/404" => Response::empty(StatusCode::NOT_FOUND),
                    "/503" => Response::from(Fault::from(HostFault::Busy)),
                    _ => Response::empty(StatusCode::OK),
                })
            })
            .await;
        let mut wire = served.connect().await;
        for path in ["/404", "/503", "/"] {
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: 50000\r\n\r\n")).await;
            let answer = wire.receive_response().await;
            assert_eq!(answer.field("connection"), None, "{path}");
            wire.send("x".repeat(50_000) + &get("/")).await;
            wire.expect(&fault("200 OK")).await;
        }
    }

    async fn a_request_that_came_with_unread_content_is_answered(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send(post("/", &"x".repeat(60_000)) + &get("/")).await;
        wire.expect(&ok("not interested\n")).await;
        wire.expect(&ok("not interested\n")).await;
    }

    async fn content_that_is_dropped_in_the_middle_of_the_answer_is_thrown_away(server) {
        let (release, released) = oneshot::channel();
        let released = parking_lot::Mutex::new(Some(released));
        let served = server
            .serve_fn(move |request| {
                let mut response = Response::empty(StatusCode::OK);
                if let Some(released) = released.lock().take() {
                    response.body = Body::stream(Late { released, request: Some(request.body) });
                }
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\n").await;
        wire.expect("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: …\r\n\r\n").await;
        release.send(()).expect("it waits");
        wire.expect("4\r\nlate\r\n0\r\n\r\n").await;
        wire.send("x".repeat(100_000) + &get("/")).await;
        wire.expect(&fault("200 OK")).await;
    }

    /// Closing with content unread makes a TCP stack throw away the answer that is still on its way.
    async fn the_answer_arrives_although_much_content_is_left_unread(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        let _ = wire.try_send(post("/", &"x".repeat(300_000))).await; // the server may close before it has come
        wire.expect(&ok_and_close("not interested\n")).await;
    }

    async fn an_answer_does_not_wait_for_much_content_that_nobody_wants_and_says_that_nothing_follows(server) {
        let served = server.serve(guest("never-reads")).await;
        for size in [262_145, 30_000_000] {
            let mut wire = served.connect().await;
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n")).await;
            wire.expect(&ok_and_close("not interested\n")).await;
            wire.expect_closed().await;
        }
    }

    async fn content_that_nobody_wants_is_waited_for_for_five_seconds(server) {
        for framing in ["content-length: 10", "transfer-encoding: chunked"] {
            let served = server.clone().with_test_clock().serve(guest("never-reads")).await;
            let mut wire = served.connect().await;
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n")).await;
            wire.expect(&ok("not interested\n")).await;
            served.almost_reach(5 * SECOND).await;
            served.expect_nothing_yet(&mut wire).await;
            served.advance(SECOND).await;
            wire.expect_closed().await;
        }
    }

    /// What is thrown away is not the head of the next request.
    async fn a_client_that_idles_behind_discarded_content_is_not_told_that_its_head_is_slow(server) {
        let served = server.with_test_clock().serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\n").await;
        wire.expect(&ok("not interested\n")).await;
        wire.send("01234").await;
        be_noticed(&served).await;
        served.clock().jump(2 * SECOND);
        wire.send("56789").await;
        be_noticed(&served).await;
        served.clock().jump(Duration::from_secs(40));
        wire.send(get("/")).await;
        wire.expect(&ok("not interested\n")).await;
    }

    async fn content_that_nobody_wants_is_read_up_to_its_limit(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(100)).serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
        wire.expect(&ok("not interested\n")).await;
        wire.send(format!("c8\r\n{}\r\n", "x".repeat(200))).await;
        wire.expect_closed().await;
    }
}

/// Waits until all connections have noticed what was sent: whoever comes then is served behind them.
async fn be_noticed(served: &Served) {
    let mut other = served.connect().await;
    other.send(get("/")).await;
    other.receive_response().await;
}

/// Content that comes when it may, and holds on to the content of the request until then.
struct Late {
    released: Receiver<()>,
    request: Option<Body>,
}

impl http_body::Body for Late {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if self.request.is_none() {
            return Poll::Ready(None);
        }
        let _ = ready!(Pin::new(&mut self.released).poll(cx));
        self.request = None;
        Poll::Ready(Some(Ok(Frame::data("late".into()))))
    }
}
