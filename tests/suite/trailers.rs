//! Fields behind the content, in both directions.

use windhover_tests::{for_each_server, guest};

use crate::{expect_500_of_a_started_answer, get, in_every_world, ok, post};

for_each_server! {
    /// A wasi:http guest has them from `wasi:http`; its content is not `request`'s to read.
    async fn a_guest_has_the_requests_trailers_once_it_has_read_the_content(server) {
        let served = server.serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST /trailers/request HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nX-Checksum: 1\r\nx-other: a b\r\n\r\n",
        )
        .await;
        wire.expect(&ok("(false, Some([\"x-checksum: 1\", \"x-other: a b\"]))\n")).await;
        wire.send(post("/trailers/request", "abc")).await;
        wire.expect(&ok("(false, Some([]))\n")).await;
        wire.send(get("/trailers/request")).await;
        wire.expect(&ok("(true, Some([]))\n")).await;
    }

    async fn a_client_that_wants_trailers_gets_them_behind_the_last_chunk(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for (path, content) in [("response", "7\r\ncontent\r\n"), ("without-content", "")] {
                wire.send(format!("GET /trailers/{path} HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n"))
                    .await;
                wire.receive_head().await;
                wire.expect(&format!("{content}0\r\nx-checksum: 1\r\nx-checksum: 2\r\n\r\n")).await;
            }
        }
    }

    /// RFC 9110 §6.5.1.
    async fn a_client_that_did_not_ask_gets_none(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/trailers/response") + &get("/trailers/response")).await;
            for _ in 0..2 {
                assert_eq!(wire.receive_response().await.text(), "content");
            }
        }
    }

    /// RFC 9110 §6.5.1. A guest of `windhover:http` is told; an application of the contract may try to.
    async fn those_that_may_be_none_are_left_out(server) {
        let served = server.serve_fn(|_| std::future::ready(crate::http2_exchange::with_trailers())).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n").await;
        wire.receive_head().await;
        wire.expect("1\r\na\r\n0\r\nx-good: 1\r\n\r\n").await;
    }

    async fn a_guest_that_traps_sends_none(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let request = "GET /trailers/traps HTTP/1.1\r\nhost: a\r\nte: trailers\r\n\r\n";
            expect_500_of_a_started_answer(&served, request).await;
        }
    }

    async fn mistakes_are_told(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/trailers/mistakes")).await;
            assert_eq!(
                wire.receive_response().await.text(),
                "Err(Error::NotStarted) Err(Error::UndeclaredTrailer(\"x-undeclared\")) \
                 Err(Error::ForbiddenField(\"content-type\")) Err(Error::InvalidField(\"x-checksum\"))\n"
            );
            wire.send(get("/trailers/with-length")).await;
            assert_eq!(wire.receive_response().await.text(), "Err(Error::TrailersNotPossible)\n");
        }
    }

    async fn http_1_0_has_no_place_for_them(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send("GET /trailers/possible HTTP/1.0\r\nte: trailers\r\n\r\n").await;
            assert_eq!(wire.receive_response().await.text(), "Err(Error::TrailersNotPossible)\n");
        }
    }

    async fn a_guest_knows_whether_it_has_started(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/trailers/has-started")).await;
            assert_eq!(wire.receive_response().await.text(), "false true\n");
        }
    }
}
