//! What a guest answers is what the client gets, framed by the server; what it may not answer is told to it and not to
//! the client.

use windhover_tests::{Framing, for_each_server, guest};

use crate::{HELLO, fault, get, ok, post};

for_each_server! {
    async fn a_small_answer_is_sent_with_its_length(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
    }

    async fn fields_go_out_in_the_guests_order_with_a_name_as_often_as_it_comes(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        wire.send(
            "GET /?203 HTTP/1.1\r\nhost: a\r\n\
             give-x-b: 1\r\ngive-set-cookie: a=1\r\ngive-x-a: \x7e\u{e9}\r\ngive-set-cookie: b=2\r\n\r\n",
        )
        .await;
        wire.expect(
            "HTTP/1.1 203 Non Authoritative Information\r\n\
             x-b: 1\r\n\
             set-cookie: a=1\r\n\
             set-cookie: b=2\r\n\
             x-a: ~é\r\n\
             content-length: 8\r\n\
             date: …\r\n\
             \r\n\
             content\n",
        )
        .await;
    }

    async fn every_final_status_can_be_sent(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        for (status, line) in [
            ("201", "HTTP/1.1 201 Created"),
            ("418", "HTTP/1.1 418 I'm a teapot"),
            ("599", "HTTP/1.1 599 <none>"),
            ("999", "HTTP/1.1 999 <none>"),
        ] {
            wire.send(get(&format!("/?{status}"))).await;
            let response = wire.receive_response().await;
            assert_eq!((response.status_line.as_str(), response.text()), (line, "content\n"));
        }
    }

    /// RFC 9110 §6.4.1: these have no content, and so nothing that frames one.
    async fn an_answer_without_content_is_followed_by_the_next(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        wire.send(get("/bare?204") + &get("/bare?304") + &get("/bare?200")).await;
        wire.expect("HTTP/1.1 204 No Content\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 304 Not Modified\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
    }

    async fn head_is_answered_with_the_fields_of_get_and_no_content(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        let head = |path| format!("HEAD {path} HTTP/1.1\r\nhost: a\r\ngive-x: 1\r\n\r\n");
        wire.send(head("/") + &get("/")).await;
        wire.expect("HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 8\r\ndate: …\r\n\r\n").await;
        wire.expect(&ok("content\n")).await;
        wire.send(head("/started") + &get("/")).await;
        let started = wire.receive_head().await;
        assert_eq!((started.status_line.as_str(), started.field("x")), ("HTTP/1.1 200 OK", Some("1")));
        wire.expect(&ok("content\n")).await;
    }

    /// RFC 9110 §8.6: HEAD may promise what GET has. With the other statuses no content is sent whatever was promised,
    /// and 205 (§15.3.6) says so. No guest fails by it.
    async fn an_answer_without_content_need_not_have_what_it_promises(server) {
        let fields = "give-content-length: 5\r\n";
        for (guest, path) in
            [(guest("answers"), "/begun?"), (guest("wasi-types"), "/promised/"), (guest("wasi3-facts"), "/promised/")]
        {
            let served = server.clone().sandbox_limits(|limits| limits.rapid_fail = 1).serve(guest).await;
            let mut wire = served.connect().await;
            for status in ["200 OK", "201 Created"] {
                wire.send(format!("HEAD {path}{} HTTP/1.1\r\nhost: a\r\n{fields}\r\n", &status[..3])).await;
                wire.expect(&format!("HTTP/1.1 {status}\r\ncontent-length: 5\r\ndate: …\r\n\r\n")).await;
            }
            for status in ["204 No Content", "304 Not Modified"] {
                wire.send(format!("GET {path}{} HTTP/1.1\r\nhost: a\r\n{fields}\r\n", &status[..3])).await;
                wire.expect(&format!("HTTP/1.1 {status}\r\ndate: …\r\n\r\n")).await;
            }
            wire.send(format!("GET {path}205 HTTP/1.1\r\nhost: a\r\n{fields}\r\n")).await;
            wire.expect("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
            wire.send(format!("HEAD {path}200 HTTP/1.0\r\n{fields}\r\n")).await;
            wire.expect("HTTP/1.0 200 OK\r\ncontent-length: 5\r\ndate: …\r\n\r\n").await;
            wire.expect_closed().await;
        }
    }

    /// Whatever an application that is no guest says.
    async fn content_that_a_status_forbids_is_not_sent(server) {
        let served = server
            .serve_fn(|request| {
                let status = request.target.path()[1..].parse().expect("the path is a status");
                let mut response = windhover_contract::Response::empty(status);
                response.fields.insert("content-length", http::HeaderValue::from_static("10"));
                response.body = windhover_contract::Body::full("never sent");
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/204") + &get("/205") + &get("/304") + &get("/200")).await;
        wire.expect("HTTP/1.1 204 No Content\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 304 Not Modified\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-length: 10\r\ndate: …\r\n\r\nnever sent").await;
    }

    /// RFC 9110 §7.6.1: the fields of the connection are the server's, whatever an application that is no guest sets.
    async fn fields_of_the_connection_are_left_out(server) {
        let served = server
            .serve_fn(|_| {
                let mut response = windhover_contract::Response::empty(http::StatusCode::OK);
                for (name, value) in [
                    ("connection", "close"),
                    ("keep-alive", "timeout=5"),
                    ("proxy-connection", "close"),
                    ("te", "gzip"),
                    ("transfer-encoding", "chunked"),
                    ("x-own", "1"),
                ] {
                    response.fields.insert(name, http::HeaderValue::from_static(value));
                }
                response.body = windhover_contract::Body::full("content");
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        for _ in 0..2 {
            wire.send(get("/")).await;
            wire.expect("HTTP/1.1 200 OK\r\nx-own: 1\r\ncontent-length: 7\r\ndate: …\r\n\r\ncontent").await;
        }
    }

    /// RFC 9110 §7.8 and §15.5.22.
    async fn a_response_that_names_protocols_says_that_this_is_about_the_connection(server) {
        let served = server
            .serve_fn(|_| {
                let mut response = windhover_contract::Response::empty(http::StatusCode::UPGRADE_REQUIRED);
                response.fields.insert("upgrade", http::HeaderValue::from_static("websocket"));
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(
            "HTTP/1.1 426 Upgrade Required\r\n\
             upgrade: websocket\r\nconnection: upgrade\r\ncontent-length: 0\r\ndate: …\r\n\r\n",
        )
        .await;
    }

    /// RFC 9110 §8.6: the length of content that is at hand is what it is, whatever an application that is no guest says.
    async fn a_length_that_is_wrong_never_leaves(server) {
        let served = server
            .serve_fn(|request| {
                let mut response = windhover_contract::Response::empty(http::StatusCode::OK);
                let (length, content) = match &*request.target.path() {
                    "/more" => ("3", "content"),
                    "/fewer" => ("10", "content"),
                    "/none" => ("10", ""),
                    _ => ("seven", "content"),
                };
                response.fields.insert("content-length", http::HeaderValue::from_static(length));
                response.body = windhover_contract::Body::full(content);
                std::future::ready(response)
            })
            .await;
        let mut wire = served.connect().await;
        wire.send(get("/more") + &get("/fewer") + &get("/none") + &get("/no-number")).await;
        let content = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\ndate: …\r\n\r\ncontent";
        for expected in [content, content, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\ndate: …\r\n\r\n", content] {
            wire.expect(expected).await;
        }
    }

    /// RFC 9110 §15.2: a status that no final response has.
    async fn a_status_that_is_not_final_is_answered_for(server) {
        let served = server
            .serve_fn(|request| {
                let status = request.target.path()[1..].parse().expect("the path is a status");
                std::future::ready(windhover_contract::Response::empty(status))
            })
            .await;
        let mut wire = served.connect().await;
        for status in [100, 101, 103] {
            wire.send(get(&format!("/{status}"))).await;
            wire.expect(&fault("500 Internal Server Error")).await;
        }
    }

    async fn a_date_of_the_guests_own_is_the_only_one(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\ngive-date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n").await;
        let expected = "HTTP/1.1 200 OK\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-length: 8\r\n\r\ncontent\n";
        wire.expect(expected).await;
    }

    async fn content_that_was_written_at_once_is_whole(server) {
        let served = server.serve(guest("answers")).await;
        let mut wire = served.connect().await;
        wire.send(get("/started")).await;
        assert_eq!(wire.receive_response().await.text(), "content\n");
        wire.send("GET /started HTTP/1.1\r\nhost: a\r\ngive-content-length: 8\r\n\r\n").await;
        wire.expect(&ok("content\n")).await;
    }

    async fn content_goes_out_while_the_guest_still_works(server) {
        let served = server.serve(guest("streams")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        wire.expect(
            "HTTP/1.1 200 OK\r\n\
             content-type: text/plain\r\n\
             transfer-encoding: chunked\r\n\
             date: …\r\n\
             \r\n\
             6\r\nfirst\n\r\n",
        )
        .await;
        wire.send("go").await;
        wire.expect("7\r\nsecond\n\r\n0\r\n\r\n").await;
    }

    async fn a_head_goes_out_before_any_content_when_the_guest_waits(server) {
        let served = server.serve(guest("streams")).await;
        let mut wire = served.connect().await;
        wire.send("POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        assert_eq!(wire.receive_head().await.framing, Framing::Chunked);
        wire.send("go").await;
        wire.expect("6\r\nfirst\n\r\n0\r\n\r\n").await;
    }

    async fn an_answer_that_was_started_and_got_no_content_has_length_zero(server) {
        let served = server.serve(guest("streams")).await;
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
    }

    async fn content_of_the_promised_length_is_sent_with_it(server) {
        let served = server.serve(guest("lies-about-length")).await;
        let mut wire = served.connect().await;
        wire.send(get("/honest")).await;
        wire.expect("HTTP/1.1 200 OK\r\ncontent-length: 10\r\ndate: …\r\n\r\nabcdefghij").await;
    }

    /// RFC 9112 §8: a message that ends early must not look whole, and nothing may be taken for its rest.
    async fn less_content_than_promised_ends_the_connection(server) {
        let served = server.serve(guest("lies-about-length")).await;
        for path in ["/fewer", "/none"] {
            let mut wire = served.connect().await;
            wire.send(get(path) + &get("/honest")).await;
            wire.expect_broken_answer().await;
        }
    }

    async fn a_mistake_in_answering_is_told_to_the_guest_which_may_correct_it(server) {
        let served = server.serve(guest("answers-wrongly")).await;
        let mut wire = served.connect().await;
        for (mistake, error) in [
            ("write-before-start", "not-started"),
            ("flush-before-start", "not-started"),
            ("start-twice", "already-started"),
            ("send-after-start", "already-started"),
            ("send-status/0", "invalid-status(0)"),
            ("send-status/99", "invalid-status(99)"),
            ("send-status/100", "invalid-status(100)"),
            ("send-status/101", "invalid-status(101)"),
            ("send-status/199", "invalid-status(199)"),
            ("send-status/1000", "invalid-status(1000)"),
            ("start-status/103", "invalid-status(103)"),
            ("start-status/65535", "invalid-status(65535)"),
            ("line-break-in-value", "invalid-field(\"x-split\")"),
            ("nul-in-value", "invalid-field(\"x-nul\")"),
            ("space-in-name", "invalid-field(\"x split\")"),
            ("line-break-in-name", "invalid-field(\"x-split: a\\r\\nx-injected\")"),
            ("empty-name", "invalid-field(\"\")"),
            ("forbidden/connection", "forbidden-field(\"connection\")"),
            ("forbidden/Connection", "forbidden-field(\"Connection\")"),
            ("forbidden/keep-alive", "forbidden-field(\"keep-alive\")"),
            ("forbidden/proxy-connection", "forbidden-field(\"proxy-connection\")"),
            ("forbidden/transfer-encoding", "forbidden-field(\"transfer-encoding\")"),
            ("forbidden/upgrade", "forbidden-field(\"upgrade\")"),
            ("too-many-fields", "invalid-field(\"x-many\")"),
            ("too-large-fields", "invalid-field(\"x-large\")"),
            ("content-with/204", "content-not-allowed"),
            ("content-with/205", "content-not-allowed"),
            ("content-with/304", "content-not-allowed"),
            ("longer-than-declared", "content-length-mismatch"),
            ("shorter-than-declared", "content-length-mismatch"),
            ("more-than-declared", "content-length-mismatch"),
            ("length-is-no-number", "invalid-field(\"content-length\")"),
            ("two-lengths", "invalid-field(\"content-length\")"),
        ] {
            wire.send(get(&format!("/{mistake}"))).await;
            wire.expect(&ok(&format!("{error}\n"))).await;
        }
    }

    async fn content_that_an_answer_cannot_have_never_leaves(server) {
        let served = server.serve(guest("answers-wrongly")).await;
        let mut wire = served.connect().await;
        wire.send(get("/write-with/204") + &get("/write-with/205") + &get("/write-with/304")).await;
        wire.expect("HTTP/1.1 204 No Content\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
        wire.expect("HTTP/1.1 304 Not Modified\r\ndate: …\r\n\r\n").await;
    }

    async fn an_answer_stands_whatever_the_guest_tries_after_it(server) {
        let served = server.serve(guest("answers-wrongly")).await;
        let mut wire = served.connect().await;
        for mistake in ["send-twice", "start-after-send", "write-after-send"] {
            wire.send(get(&format!("/{mistake}"))).await;
            wire.expect(&ok("the first\n")).await;
        }
    }

    async fn a_guest_that_returns_without_an_answer_is_answered_for(server) {
        let served = server.serve(guest("returns-nothing")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &post("/", "content")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
    }
}
