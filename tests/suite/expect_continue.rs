//! Clients that wait to be asked for their content (RFC 9110 §10.1.1): they are asked once, when somebody reads it and
//! before the head of the answer at the latest, and not at all when nobody will.

use http::StatusCode;
use windhover_contract::{Body, Response};
use windhover_tests::http2::{DATA, END_HEADERS, Frame, HEADERS, section};
use windhover_tests::{for_each_http2, for_each_server, guest};

use crate::{get, ok, ok_and_close};

for_each_server! {
    async fn a_client_is_asked_when_the_guest_reads(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(waiting("/all?9")).await;
        wire.expect(ASKED).await;
        wire.send("abc".to_owned() + &get("/all?9")).await;
        wire.expect(&ok("abc")).await;
        wire.expect(&ok("")).await;
    }

    /// Who answers with what it reads begins its answer first.
    async fn a_client_is_asked_before_the_head_of_an_answer_that_begins_before_the_guest_reads(server) {
        for (name, path, fields) in [
            ("echoes", "/", ""),
            ("rust-wasi-http", "/echo", ""),
            ("rust-wasi-http-p3", "/echo", ""),
        ] {
            let served = server.clone().serve(guest(name)).await;
            let mut wire = served.connect().await;
            wire.send(waiting(path)).await;
            wire.expect(ASKED).await;
            wire.expect(&format!("HTTP/1.1 200 OK\r\n{fields}transfer-encoding: chunked\r\ndate: …\r\n\r\n")).await;
            wire.send("abc").await;
            wire.expect("3\r\nabc\r\n0\r\n\r\n").await;
            wire.send(get("/none")).await;
            wire.receive_head().await;
        }
    }

    async fn a_client_is_asked_once_by_an_application_that_reads_behind_its_answer(server) {
        let served = server
            .serve_fn(|request| {
                request.features.expect_continue.as_ref().expect("it waits").will_read();
                let mut response = Response::empty(StatusCode::OK);
                response.body = request.body;
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(waiting("/")).await;
        wire.expect(ASKED).await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-length: 3\r\ndate: …\r\n\r\n").await;
        wire.send("abc").await;
        wire.expect("abc").await;
    }

    /// It may send its content all the same, or the next request in its place: nobody can tell.
    async fn a_client_that_is_not_asked_is_told_that_nothing_follows(server) {
        for (name, path, status) in [
            ("never-reads", "/", "200 OK"),
            ("rust-wasi-http", "/none", "404 Not Found"),
            ("rust-wasi-http-p3", "/none", "404 Not Found"),
        ] {
            let served = server.clone().serve(guest(name)).await;
            let mut wire = served.connect().await;
            wire.send(waiting(path)).await;
            let answer = wire.receive_response().await;
            assert_eq!(answer.status_line, format!("HTTP/1.1 {status}"), "{name}");
            assert_eq!(answer.field("connection"), Some("close"), "{name}");
            wire.finish().await;
            wire.expect_closed().await;
        }
    }

    async fn an_application_that_drops_what_it_was_going_to_read_has_nobody_asked(server) {
        let served = server
            .serve_fn(|request| {
                request.features.expect_continue.as_ref().expect("it waits").will_read();
                drop(request);
                let mut response = Response::empty(StatusCode::OK);
                response.body = Body::full("no\n");
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(waiting("/")).await;
        wire.expect(&ok_and_close("no\n")).await;
        wire.finish().await;
        wire.expect_closed().await;
    }

    /// RFC 9110 §10.1.1: a server must not ask a client of HTTP/1.0, and need not ask one that sends nothing.
    async fn clients_that_cannot_wait_are_not_asked(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST /all?9 HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 0\r\n\r\n").await;
        wire.expect(&ok("")).await;
        wire.send("POST /all?9 HTTP/1.0\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc").await;
        wire.expect(&ok("abc").replace("HTTP/1.1", "HTTP/1.0")).await;
        wire.expect_closed().await;
    }
}

for_each_http2! {
    async fn a_client_is_asked_before_the_head_of_an_answer_that_begins_before_the_guest_reads_over_http2(server) {
        for (name, path) in [("echoes", "/"), ("rust-wasi-http", "/echo"), ("rust-wasi-http-p3", "/echo")] {
            let served = server.clone().serve(guest(name)).await;
            let mut client = served.connect_http2().await;
            let request = client.request("POST", path).header("expect", "100-continue").header("content-length", "3");
            let mut exchange = client.begin(request).await;
            assert_eq!(exchange.interim().await.status, 100, "{name}");
            exchange.send("abc", true).await;
            exchange.answer().await.expect(200, "abc");
        }
    }

    async fn a_client_whose_content_is_not_taken_is_not_asked_over_http2(server) {
        for (name, status) in [("rust-wasi-http", 404), ("rust-wasi-http-p3", 404)] {
            let served = server.clone().serve(guest(name)).await;
            let mut frames = served.connect_frames().await;
            let head = [frames.head("POST", "/none"), section(&[("expect", "100-continue")])].concat();
            frames.send(Frame::new(HEADERS, END_HEADERS, 1, head)).await;
            let answer = frames.receive_kind(HEADERS).await;
            assert_eq!(answer.payload.first(), Some(&0x8d), "it is :status {status} of the static table");
            assert_eq!(frames.receive_kind(DATA).await.payload, b"There is nothing here.\n");
        }
    }
}

/// A request whose client waits.
fn waiting(target: &str) -> String {
    format!("POST {target} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n")
}

const ASKED: &str = "HTTP/1.1 100 Continue\r\n\r\n";
