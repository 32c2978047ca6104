//! Clients that send no more and wait for their answer (RFC 9112 §9.6): the end of what a client sends is not its
//! leaving.

use std::sync::Arc;

use http::StatusCode;
use tokio::sync::Notify;
use windhover_contract::Response;
use windhover_tests::http2::{DATA, END_HEADERS, END_STREAM, Frame, HEADERS};
use windhover_tests::{Hold, bounded, for_each_http2, for_each_server, guest};

use crate::{HELLO, get, in_every_world, ok, post};

for_each_server! {
    async fn a_client_that_sends_no_more_gets_its_answer(server) {
        let served = server.serve(guest("rust-hello")).await;
        let close = HELLO.replace("content-length", "connection: close\r\ncontent-length");
        for (request, answer) in [
            ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", HELLO.to_owned()),
            ("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n", close),
            ("GET / HTTP/1.0\r\n\r\n", HELLO.replace("HTTP/1.1", "HTTP/1.0")),
        ] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            wire.finish().await;
            wire.expect(&answer).await;
            wire.expect_closed().await;
        }
    }

    async fn a_client_that_sends_no_more_has_its_content_read(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(post("/all?9", "content")).await;
        wire.finish().await;
        wire.expect(&ok("content")).await;
        wire.expect_closed().await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        wire.receive_head().await;
        wire.expect("5\r\nfirst\r\n").await;
        wire.send("0\r\n\r\n").await;
        wire.finish().await;
        wire.expect("0\r\n\r\n").await;
        wire.expect_closed().await;
    }

    async fn an_application_at_work_is_not_dropped(server) {
        let (served, hold) = Hold::serve(server).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        bounded("the request to arrive", hold.begun.notified()).await;
        wire.finish().await;
        served.expect_nothing_yet(&mut wire).await;
        hold.release.notify_one();
        wire.expect(&ok("held\n")).await;
        wire.expect_closed().await;
    }

    async fn all_requests_that_were_sent_are_answered(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send((0..20).map(|number| post("/all?9", &format!("{number:02}"))).collect::<String>()).await;
        wire.finish().await;
        for number in 0..20 {
            wire.expect(&ok(&format!("{number:02}"))).await;
        }
        wire.expect_closed().await;
    }

    /// And gets the whole of it, in its own time.
    async fn a_client_that_sends_no_more_gets_a_large_answer(server) {
        let served = server.serve(guest("streams")).await;
        let mut wire = served.connect().await;
        wire.send(get("/mebibyte")).await;
        wire.finish().await;
        let answer = wire.receive_response().await;
        assert_eq!((answer.status_line.as_str(), answer.content.len()), ("HTTP/1.1 200 OK", 1 << 20));
        wire.expect_closed().await;
    }

    async fn a_guest_is_not_told_that_its_client_has_left(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/wait?20")).await;
            wire.finish().await;
            wire.expect(&ok("false\n")).await;
            wire.expect_closed().await;
        }
    }

    async fn a_request_that_is_not_whole_is_none(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST /must?9 HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\ncon").await;
        wire.finish().await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
        wire.expect_closed().await;
        for part in ["", "GET / HTTP/1.1\r\nhost"] {
            let mut wire = served.connect().await;
            wire.send(part).await;
            wire.finish().await;
            wire.expect_closed().await;
        }
    }

    /// The first is answered as if the second had never begun.
    async fn half_a_request_behind_a_whole_one_takes_nothing_from_it(server) {
        let (served, hold) = Hold::serve(server).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + "GET / HT").await;
        bounded("the request to arrive", hold.begun.notified()).await;
        wire.finish().await;
        hold.release.notify_one();
        wire.expect(&ok("held\n")).await;
        wire.expect_closed().await;
    }

    async fn a_client_that_leaves_after_it_sends_no_more_ends_what_is_done_for_it(server) {
        let (begun, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&ended));
        let served = server
            .serve_fn(move |_| {
                let (begins, guard) = (Arc::clone(&begins), OnDrop(Arc::clone(&ends)));
                async move {
                    let _guard = guard;
                    begins.notify_one();
                    std::future::pending::<Response>().await
                }
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.finish().await;
        bounded("the request to arrive", begun.notified()).await;
        wire.leave();
        bounded("the work to be dropped", ended.notified()).await;
    }

    /// Its system does not say that it has closed its socket until something is sent to it.
    async fn a_client_that_has_closed_its_socket_is_found_out_by_writing(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("streams")).await;
        let mut leaving = served.connect().await;
        leaving.send(get("/endless")).await;
        leaving.receive_head().await;
        drop(leaving);
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }
}

for_each_http2! {
    async fn a_client_that_sends_no_more_gets_its_answer_over_http2(server) {
        let served = server.serve(guest("streams")).await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/empty").await;
        let head = frames.head("GET", "/empty");
        frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, 3, head)).await;
        frames.finish().await;
        for _ in 0..2 {
            let answer = frames.receive_kind(HEADERS).await;
            assert_eq!(answer.payload.first(), Some(&0x88), "200 of the static table");
            assert_eq!(answer.flags, END_HEADERS | END_STREAM);
        }
        frames.expect_closed().await;
    }

    async fn an_application_at_work_is_not_dropped_over_http2(server) {
        let (served, hold) = Hold::serve(server).await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        bounded("the request to arrive", hold.begun.notified()).await;
        frames.finish().await;
        hold.release.notify_one();
        assert_eq!(frames.receive_kind(DATA).await.payload, b"held\n");
        frames.expect_closed().await;
    }

    async fn a_request_that_is_not_whole_is_none_over_http2(server) {
        let served = server.serve(guest("echoes")).await;
        let mut frames = served.connect_frames().await;
        let head = frames.head("POST", "/must?9");
        frames.send(Frame::new(HEADERS, END_HEADERS, 1, head)).await;
        frames.send(Frame::new(DATA, 0, 1, *b"con")).await;
        frames.finish().await;
        let answer = frames.receive_kind(HEADERS).await;
        assert_eq!(answer.payload.first(), Some(&0x8c), "400 of the static table");
        frames.expect_closed().await;
    }

    async fn a_client_that_sends_nothing_is_not_waited_for_over_http2(server) {
        let served = server.serve(guest("echoes")).await;
        let mut frames = served.connect_frames().await;
        frames.finish().await;
        frames.expect_closed().await;
    }

    async fn a_client_that_leaves_ends_what_is_done_for_it_over_http2(server) {
        let (begun, ended) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begins, ends) = (Arc::clone(&begun), Arc::clone(&ended));
        let served = server
            .serve_fn(move |_| {
                let (begins, guard) = (Arc::clone(&begins), OnDrop(Arc::clone(&ends)));
                async move {
                    let _guard = guard;
                    begins.notify_one();
                    std::future::pending::<()>().await;
                    Response::empty(StatusCode::OK)
                }
            })
            .await;
        let mut frames = served.connect_frames().await;
        frames.get(1, "/").await;
        frames.finish().await;
        bounded("the request to arrive", begun.notified()).await;
        frames.leave();
        bounded("the work to be dropped", ended.notified()).await;
    }
}

struct OnDrop(Arc<Notify>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}
