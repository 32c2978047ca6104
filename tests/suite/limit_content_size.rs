//! How large a request's content may be: by its announcement, and as it grows.

use windhover_tests::{TestServer, for_each_server, guest};

use crate::{get, ok, post};

for_each_server! {
    async fn a_content_length_beyond_the_limit_is_413_and_starts_no_guest(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send(post("/", "12345")).await;
        wire.expect(&ok("not interested\n")).await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\n").await;
        wire.expect(TOO_LARGE_BODY).await;
        wire.expect_closed().await;
    }

    /// RFC 9110 §10.1.1: who is refused first need not send its content.
    async fn a_client_that_waits_to_be_asked_for_too_much_is_refused_and_not_asked(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 6\r\n\r\n").await;
        wire.expect(TOO_LARGE_BODY).await;
        wire.expect_closed().await;
    }

    async fn chunks_that_grow_beyond_the_limit_are_413_when_the_guest_reads_them(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        let chunked = |path: &str, last: &str| {
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n{last}")
        };
        wire.send(chunked("/must?99", "2\r\nde\r\n0\r\n\r\n")).await;
        wire.expect(&ok("abcde")).await;
        wire.send(chunked("/must?99", "3\r\ndef\r\n")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 413 Payload Too Large");
        let mut wire = served.connect().await;
        wire.send(chunked("/measure", "3\r\ndef\r\n")).await;
        assert_eq!(wire.receive_response().await.text(), "3 then too-large\n");
    }

    async fn a_terabyte_is_refused_by_its_announcement(server) {
        let served = server.serve(guest("never-reads")).await;
        for (length, status) in [
            ("1099511627776", "413 Payload Too Large"),
            ("9223372036854775807", "413 Payload Too Large"),
            ("18446744073709551616", "400 Bad Request"),
        ] {
            let mut wire = served.connect().await;
            wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
            assert_eq!(wire.receive_response().await.status_line, format!("HTTP/1.1 {status}"));
            wire.expect_closed().await;
        }
    }

    async fn content_may_be_unlimited(server) {
        let served = server.limits(|limits| limits.max_request_body_size = None).serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(post("/measure", &"x".repeat(100_000))).await;
        wire.expect(&ok("100000 then nothing\n")).await;
    }

    async fn a_guest_may_raise_or_lower_the_limit_of_its_content(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/limits/size?6", "123456") + &get("/limits/none")).await;
        wire.expect(&ok("6 bytes\n")).await;
        wire.expect(&ok("0 bytes\n")).await;
    }

    async fn a_guest_that_changes_nothing_meets_the_limit_when_it_reads(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("uses-features")).await;
        for (request, answer) in [
            (post("/limits/none", "12345"), "5 bytes\n"),
            (post("/limits/none", "123456"), "0 bytes, then too-large\n"),
            (post("/limits/size?4", "12345"), "0 bytes, then too-large\n"),
            (post("/limits/size?none", "123456"), "6 bytes\n"),
            (
                "POST /limits/size?4 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                 4\r\n1234\r\n1\r\n5\r\n0\r\n\r\n"
                    .into(),
                "4 bytes, then too-large\n",
            ),
        ] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            assert_eq!(wire.receive_response().await.text(), answer);
        }
    }
}

/// Also where it asks for another protocol, or has asked before: the system must not answer with a reset, which could destroy
/// the answer. Memory knows no resets.
#[tokio::test]
async fn a_client_that_goes_on_sending_too_much_gets_its_answer() {
    let served = TestServer::http().serve(guest("uses-features")).await;
    let decline = "GET /upgrade/decline HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";
    for (before, fields) in [("", ""), ("", "upgrade: x\r\n"), (decline, "")] {
        let mut wire = served.connect().await;
        if !before.is_empty() {
            wire.send(before).await;
            wire.expect(&ok("no, thank you\n")).await;
        }
        wire.send(format!("POST /limits/none HTTP/1.1\r\nhost: a\r\n{fields}content-length: 99999999\r\n\r\n")).await;
        wire.send(vec![b'x'; 8 << 20]).await;
        assert_eq!(wire.receive_response().await.text(), "0 bytes, then too-large\n");
    }
}

const TOO_LARGE_BODY: &str = "HTTP/1.1 413 Payload Too Large\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";
