//! What an application that is written with `windhover-guest` says reaches the wire as it was meant.

use windhover_tests::{for_each_server, guest};

use crate::{fault, get, post};

for_each_server! {
    async fn a_request_is_one_of_the_http_crate(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(b"GET /a/../%74ell?x=%20y HTTP/1.1\r\nHost: a.test:80\r\nX-One: 1\r\nx-one: \xff\r\n\r\n").await;
        let told = wire.receive_response().await.text().to_owned();
        assert!(told.contains("://a.test:80/tell?x=%20y host=\"a.test:80\" x-one=\"1\" x-one="), "{told}");
        assert!(told.starts_with("GET HTTP/1.1 http"), "{told}");
        wire.send("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wire.expect(&answer("404 Not Found", "nowhere\n")).await;
    }

    async fn content_is_echoed_while_it_comes(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send("POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n").await;
        wire.receive_head().await;
        assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"one"[..]));
        wire.send("3\r\ntwo\r\n0\r\n\r\n").await;
        assert_eq!(wire.receive_chunk().await.as_deref(), Some(&b"two"[..]));
        assert_eq!(wire.receive_chunk().await, None);
    }

    async fn content_is_read_by_the_traits_of_std(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(post("/lines", "abc\ndef\n")).await;
        wire.expect(&answer("200 OK", "cba\nfed\n")).await;
    }

    async fn more_than_a_handler_wants_is_413(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(post("/at-most", "abc")).await;
        assert_eq!(wire.receive_response().await.text(), "abc");
        wire.send(post("/at-most", "abcd")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 413 Payload Too Large");
    }

    async fn trailers_follow_content_that_streams(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send("GET /with-trailers HTTP/1.1\r\nhost: a\r\nte: trailers\r\nconnection: te\r\n\r\n").await;
        wire.receive_head().await;
        wire.expect("7\r\ncontent\r\n0\r\nx-checksum: 1\r\n\r\n").await;
    }

    async fn an_error_of_what_streams_breaks_the_answer_off(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(get("/breaks-off")).await;
        let received = wire.receive_head().await;
        assert!(wire.expect_reset_mid_body(&received).await.ends_with(b"begun\r\n"));
    }

    async fn the_first_answer_stands(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(get("/answered-already")).await;
        wire.expect("HTTP/1.1 202 Accepted\r\ncontent-length: 13\r\ndate: …\r\n\r\nby a feature\n").await;
    }

    async fn an_answer_that_the_server_does_not_take_is_500(server) {
        let served = server.serve(guest("handles")).await;
        let mut wire = served.connect().await;
        wire.send(get("/forbidden")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
    }
}

fn answer(status: &str, text: &str) -> String {
    let fields = format!("content-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\ndate: …", text.len());
    format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{text}")
}
