//! Standard components of `wasi:http` 0.3: they run unchanged, their content streams in both directions, and what they
//! do wrong is like any guest's.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use windhover_contract::{Application, Body, KnownHost, Response, Scheme, Target};
use windhover_sandbox::{Grants, Sandbox, SandboxLimits};
use windhover_tests::{for_each_server, guest};

use crate::{fault, get, post};

for_each_server! {
    async fn a_standard_component_answers(server) {
        let served = server.serve(guest("rust-wasi-http-p3")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n" + &get("/none")).await;
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 22\r\ncontent-type: text/plain; charset=utf-8\r\ndate: …\r\n\r\n";
        wire.expect(&format!("{head}Hello from wasi:http!\n")).await;
        wire.expect(head).await;
        let head = "HTTP/1.1 404 Not Found\r\ncontent-length: 23\r\ncontent-type: text/plain; charset=utf-8\r\ndate: …\r\n\r\n";
        wire.expect(&format!("{head}There is nothing here.\n")).await;
    }

    /// Of the request's stream as it is, and of a copy that went through the guest's memory.
    async fn its_content_passes_in_both_directions_at_once(server) {
        for (guest, path) in [(guest("rust-wasi-http-p3"), "/echo"), (guest("wasi3-facts"), "/copy")] {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")).await;
            wire.expect("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: …\r\n\r\n").await;
            assert_eq!(wire.receive_content(5).await, b"first");
            wire.send("6\r\nsecond\r\n").await;
            assert_eq!(wire.receive_content(6).await, b"second");
            wire.send("0\r\n\r\n").await;
            assert_eq!(wire.receive_chunk().await, None);
            wire.send(get("/")).await;
            assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
        }
    }

    async fn its_content_may_be_larger_than_every_buffer(server) {
        for (guest, path) in [(guest("rust-wasi-http-p3"), "/echo"), (guest("wasi3-facts"), "/copy")] {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 64 * 65_536)).await;
            wire.receive_head().await;
            for turn in 0..64_u8 {
                let piece = vec![turn; 65_536];
                wire.send(&piece).await;
                assert!(wire.receive_content(65_536).await == piece, "the bytes come back unchanged");
            }
            assert_eq!(wire.receive_chunk().await, None);
        }
    }

    /// Guards against: `wasmtime serve` 48 tells a guest of 0.3 neither scheme nor authority where the client of
    /// HTTP/1.1 did not send them in the target, which no client does.
    async fn it_is_told_scheme_authority_and_target(server) {
        let served = server.serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        for (request, facts) in [
            ("GET /a?b=%20c HTTP/1.1\r\nhost: a.example:81", "GET SCHEME a.example:81 /a?b=%20c\n"),
            ("GET SCHEME://b.example/a HTTP/1.1\r\nhost: b.example", "GET SCHEME b.example /a\n"),
            ("PROPFIND / HTTP/1.1\r\nhost: a", "PROPFIND SCHEME a /\n"),
            ("OPTIONS * HTTP/1.1\r\nhost: a", "OPTIONS SCHEME a *\n"),
        ] {
            let [request, facts] = [request, facts].map(|text| text.replace("SCHEME", served.scheme()));
            wire.send(format!("{request}\r\n\r\n")).await;
            assert_eq!(wire.receive_response().await.text(), facts, "for {request:?}");
        }
    }

    /// Guards against: wasmtime answers such a request 500, though the client is at fault or nobody is.
    async fn a_request_without_host_is_400_or_answered_but_never_500(server) {
        let served = server.serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 400 Bad Request");
        for request in ["GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nhost:\r\n\r\n"] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            let own = served.addresses()[0].split_once("://127").map_or("localhost".into(), |(_, end)| format!("127{end}"));
            let facts = format!("GET {} {own} /\n", served.scheme());
            assert_eq!(wire.receive_response().await.text(), facts, "for {request:?}");
        }
    }

    /// Guards against: wasmtime hands `te` to guests, and what `connection` names, as if they were about the request.
    async fn the_fields_of_the_connection_are_not_its_business(server) {
        let served = server.serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST / HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, X-Hop, host, te\r\nkeep-alive: timeout=5\r\n\
             proxy-connection: x\r\nte: trailers\r\nx-hop: 1\r\nx-hop: 2\r\nx-end: 1\r\nx-end: 2\r\ntrailer: x-sum\r\n\
             transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        )
        .await;
        let facts = format!("POST {} a /\ntrailer: x-sum\nx-end: 1\nx-end: 2\n", served.scheme());
        assert_eq!(wire.receive_response().await.text(), facts);
    }

    async fn it_is_told_the_trailers_of_the_request(server) {
        let served = server.serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST /measure HTTP/1.1\r\nhost: a\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n",
        )
        .await;
        assert_eq!(wire.receive_response().await.text(), "3 x-sum\n");
    }

    /// Guards against: hosts on wasmtime tell a guest `http` under TLS too. Here the server is told that it speaks TLS.
    async fn its_scheme_is_https_under_tls(server) {
        for (guest, path, expected) in [
            (guest("wasi3-facts"), "/a", "GET https a /a\n"),
            (guest("rust-wasi-http"), "/request", "method=GET\nscheme=https\nauthority=a\npath=/request\n"),
        ] {
            let sandbox = Arc::new(Sandbox::new(guest, "test", SandboxLimits::default(), Grants::default()));
            let served = server
                .clone()
                .serve_fn(move |mut request| {
                    let sandbox = Arc::clone(&sandbox);
                    let uri = request.target.uri().clone();
                    let target = Target::resolve(Scheme::Https, &request.method, uri, request.version, &request.fields, &KnownHost::default());
                    request.target = target.expect("it was accepted before");
                    async move { sandbox.handle(request).await }
                })
                .await;
            let mut wire = served.connect().await;
            wire.send(get(path)).await;
            assert_eq!(wire.receive_response().await.text(), expected);
        }
    }

    /// Whether a server sends them on is its affair, so here they are looked at behind the sandbox.
    async fn its_trailers_reach_the_server(server) {
        for (guest, path) in [
            (guest("rust-wasi-http-p3"), "/echo"),
            (guest("wasi3-facts"), "/copy"),
            (guest("rust-wasi-http"), "/echo"),
        ] {
            let sandbox = Arc::new(Sandbox::new(guest, "test", SandboxLimits::default(), Grants::default()));
            let served = server
                .clone()
                .serve_fn(move |request| {
                    let sandbox = Arc::clone(&sandbox);
                    async move {
                        let answer = sandbox.handle(request).await.body.collect().await.expect("it is whole");
                        let mut response = Response::empty(StatusCode::OK);
                        response.body = Body::full(format!("{:?}\n", answer.trailers()));
                        response
                    }
                })
                .await;
            let mut wire = served.connect().await;
            wire.send(format!(
                "POST {path} HTTP/1.1\r\nhost: a\r\ntrailer: x-sum\r\ntransfer-encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n0\r\nx-sum: 3\r\n\r\n"
            ))
            .await;
            assert_eq!(wire.receive_response().await.text(), "Some({\"x-sum\": \"3\"})\n");
        }
    }

    async fn content_that_grows_beyond_the_limit_breaks_its_answer_off(server) {
        for (guest, path) in [(guest("rust-wasi-http-p3"), "/echo"), (guest("wasi3-facts"), "/copy")] {
            let served = server.clone().limits(|limits| limits.max_request_body_size = Some(5)).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")).await;
            let received = wire.receive_head().await;
            assert_eq!(wire.receive_content(3).await, b"abc");
            wire.send("3\r\ndef\r\n").await;
            assert_eq!(wire.expect_reset_mid_body(&received).await, b"");
        }
    }

    async fn content_that_grows_beyond_the_limit_is_413_while_nothing_is_answered(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        wire.send("POST /measure HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 413 Payload Too Large");
    }

    /// Guards against: what wasmtime gives as content ends like whole content when the guest traps in the middle of it.
    async fn its_traps_are_like_any_guests(server) {
        let served = server.serve(guest("wasi3-traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/error") + &get("/fine")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
        wire.send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        let received = wire.receive_head().await;
        wire.expect("10\r\nthe first chunk\n\r\n").await;
        wire.send("go").await;
        assert_eq!(wire.expect_reset_mid_body(&received).await, b"");
        for path in ["/error-late", "/short", "/long"] {
            let mut wire = served.connect().await;
            wire.send(get(path)).await;
            wire.expect_broken_answer().await;
        }
    }

    async fn an_answer_that_is_finished_stands_whatever_its_guest_does_after(server) {
        let served = server.serve(guest("wasi3-traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/finished")).await;
        assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
        wire.send("POST /after HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        wire.receive_head().await;
        wire.expect("10\r\nthe first chunk\n\r\n0\r\n\r\n").await;
        wire.send("go".to_owned() + &get("/fine")).await;
        assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
    }

    async fn it_has_its_time_and_no_more(server) {
        let change = |limits: &mut windhover_sandbox::SandboxLimits| {
            (limits.timeout, limits.idle_timeout) = (SHORT, SHORT);
        };
        let served = server.sandbox_limits(change).serve(guest("wasi3-traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/never") + &get("/spin")).await;
        wire.expect(&fault("504 Gateway Timeout")).await;
        wire.expect(&fault("504 Gateway Timeout")).await;
        wire.send(get("/half")).await;
        let received = wire.receive_head().await;
        wire.expect("10\r\nthe first chunk\n\r\n").await;
        assert_eq!(wire.expect_reset_mid_body(&received).await, b"");
    }

    /// What it does after its answer counts too: the one instance is free again when its time is over.
    async fn what_it_does_after_its_answer_ends_in_its_time(server) {
        let served = server
            .limits(|limits| limits.min_request_data_rate = None)
            .sandbox_limits(|limits| (limits.max_instances, limits.idle_timeout) = (1, SHORT))
            .serve(guest("wasi3-traps"))
            .await;
        let mut working = served.connect().await;
        working.send("POST /after HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        working.receive_head().await;
        working.expect("10\r\nthe first chunk\n\r\n0\r\n\r\n").await;
        let mut wire = served.connect().await;
        wire.send(get("/fine")).await;
        assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
    }

    /// Guards against: wasmtime's own handler does not notice that a client is gone. Only one instance is allowed here.
    async fn a_client_that_leaves_gives_the_guests_instance_back(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("wasi3-traps")).await;
        for path in ["/half", "/never"] {
            let mut leaving = served.connect().await;
            leaving.send(get(path)).await;
            if path == "/half" {
                leaving.receive_head().await;
            }
            leaving.leave();
            let mut wire = served.connect().await;
            wire.send(get("/fine")).await;
            assert_eq!(wire.receive_response().await.text(), "the first chunk\n", "after {path}");
        }
    }

    async fn each_request_has_an_instance_of_its_own(server) {
        let served = server.serve(guest("wasi3-facts")).await;
        let mut wire = served.connect().await;
        wire.send(get("/count") + &get("/count")).await;
        assert_eq!(wire.receive_response().await.text(), "1\n");
        assert_eq!(wire.receive_response().await.text(), "1\n");
    }

    async fn it_may_ask_windhover_for_what_wasi_http_cannot_tell(server) {
        let served = server.serve(guest("wasi3-with-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/a%20b?c", "content") + &get("/log")).await;
        assert_eq!(wire.receive_response().await.text(), "/a b /a b 1\n");
        assert_eq!(wire.receive_response().await.text(), "/log /log 1\n");
    }
}

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);
