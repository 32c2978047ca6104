//! Heads that are not exactly what RFC 9112 says: refused before any guest, behind the answers to what came before, and
//! nothing behind them is believed. Some of it the RFC allows to take for something else; what two parties may read
//! differently smuggles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use windhover_contract::{Body, Response};
use windhover_tests::strict::{CODINGS, FIELD_LINES, LENGTHS, REQUEST_LINES};
use windhover_tests::{Served, TestServer, for_each_server, guest};

use crate::{HELLO, get};

for_each_server! {
    async fn a_malformed_request_line_is_400(server) {
        let (served, heads) = serve_counted(server).await;
        for &line in REQUEST_LINES {
            expect_refusal(&served, &[line, b"host: a\r\n\r\n"].concat(), "400 Bad Request").await;
        }
        assert_eq!(heads.load(Ordering::Relaxed), 0, "the application has seen none of them");
    }

    /// A client that speaks another protocol may wait for an answer, and never send a line end.
    async fn what_cannot_begin_a_request_is_refused_at_its_first_byte(server) {
        let served = server.serve(guest("rust-hello")).await;
        for bytes in [&b"\x16\x03\x01"[..], b"\0", b"\n", b" ", b"/", b"\xff"] {
            expect_refusal(&served, bytes, "400 Bad Request").await;
        }
    }

    /// RFC 9110 §2.5: a minor version adds nothing that must be understood.
    async fn a_higher_minor_version_is_served_as_the_highest_that_is_spoken(server) {
        let served = server.serve(guest("facts")).await;
        let mut wire = served.connect().await;
        for version in ["1.2", "1.9", "1.1"] {
            let request = format!("GET /1.2 HTTP/{version}\r\nhost: a\r\nx: HTTP/1.2\r\n\r\n");
            for pieces in [vec![request.as_bytes()], request.as_bytes().chunks(1).collect()] {
                for piece in pieces {
                    wire.send(piece).await;
                }
                let response = wire.receive_response().await;
                assert_eq!(response.status_line, "HTTP/1.1 200 OK", "{version}");
                let text = response.text();
                assert!(text.contains("protocol: \"HTTP/1.1\"\n") && text.contains("path: \"/1.2\"\n"), "{text}");
                assert!(text.contains("field x: HTTP/1.2\n"), "{text}");
            }
        }
        // So it has all that HTTP/1.1 has, and must have what that must have.
        wire.send("POST / HTTP/1.3\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
        expect_refusal(&served, b"GET / HTTP/1.2\r\n\r\n", "400 Bad Request").await;
    }

    /// RFC 9110 §15.6.6.
    async fn a_major_version_that_is_not_spoken_is_505(server) {
        let (served, heads) = serve_counted(server).await;
        for version in ["0.9", "0.0", "2.0", "2.1", "3.0", "9.9"] {
            let request = format!("GET / HTTP/{version}\r\nhost: a\r\n\r\n");
            expect_refusal(&served, request.as_bytes(), "505 HTTP Version Not Supported").await;
        }
        // Not quite as HTTP/2 begins.
        expect_refusal(&served, b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", "505 HTTP Version Not Supported").await;
        assert_eq!(heads.load(Ordering::Relaxed), 0, "the application has seen none of them");
    }

    async fn a_malformed_field_line_is_400(server) {
        let (served, heads) = serve_counted(server).await;
        for &line in FIELD_LINES {
            // First, and behind another.
            for before in [&b""[..], b"host: a\r\n"] {
                let bytes = [b"GET / HTTP/1.1\r\n", before, line, b"host: a\r\n\r\n"].concat();
                expect_refusal(&served, &bytes, "400 Bad Request").await;
            }
        }
        expect_refusal(&served, b"GET / HTTP/1.1\r\nhost: a\r\n\n", "400 Bad Request").await;
        expect_refusal(&served, b"GET / HTTP/1.1\nhost: a\n\n", "400 Bad Request").await;
        assert_eq!(heads.load(Ordering::Relaxed), 0, "the application has seen none of them");
    }

    /// RFC 9112 §6.1 and §6.3: whoever sends it may be smuggling, and one more party may have read it otherwise.
    async fn a_request_that_is_not_clear_about_its_length_is_400(server) {
        let (served, heads) = serve_counted(server).await;
        for &fields in LENGTHS {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\na");
            expect_refusal(&served, request.as_bytes(), "400 Bad Request").await;
        }
        let old = b"POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
        expect_refusal(&served, old, "400 Bad Request").await;
        assert_eq!(heads.load(Ordering::Relaxed), 0, "the application has seen none of them");
    }

    /// RFC 9112 §6.1: where the content ends is known, and what it is, is not.
    async fn a_transfer_coding_that_is_not_known_is_501(server) {
        let (served, heads) = serve_counted(server).await;
        for &fields in CODINGS {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{fields}\r\n\r\n1\r\na\r\n0\r\n\r\n");
            expect_refusal(&served, request.as_bytes(), "501 Not Implemented").await;
        }
        assert_eq!(heads.load(Ordering::Relaxed), 0, "the application has seen none of them");
    }

    async fn what_is_unusual_but_right_is_served(server) {
        let (served, heads) = serve_reading(server).await;
        let requests = [
            &b"\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
            b"GET / HTTP/1.1\r\nhost:a\r\nx:\r\ny: \t\r\n!#$%&'*+-.^_`|~: \xff\tz\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: \tChunked \r\n\r\n0\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a\r\nContent-Length:\t001 \r\n\r\na",
        ];
        let mut wire = served.connect().await;
        for request in requests {
            wire.send(request).await;
            wire.expect(COUNTED).await;
        }
        wire.send(requests.concat()).await;
        for _ in requests {
            wire.expect(COUNTED).await;
        }
        for byte in requests.concat() {
            wire.send([byte]).await;
        }
        for _ in requests {
            wire.expect(COUNTED).await;
        }
        assert_eq!(heads.load(Ordering::Relaxed), 3 * requests.len());
    }

    async fn a_refusal_comes_behind_the_answers_to_what_came_before(server) {
        let (served, heads) = serve_counted(server).await;
        for (faulty, status) in FAULTY {
            heads.store(0, Ordering::Relaxed);
            let mut wire = served.connect().await;
            wire.send(get("/") + &crate::post("/", "abc") + faulty + &get("/never")).await;
            wire.expect(COUNTED).await;
            wire.expect(COUNTED).await;
            wire.expect(&refusal(status)).await;
            wire.expect_closed().await;
            assert_eq!(heads.load(Ordering::Relaxed), 2, "nothing behind {faulty:?} is believed");
        }
    }

    /// However its bytes come: what hyper has of it already must not matter.
    async fn a_refusal_does_not_depend_on_how_the_bytes_come(server) {
        let served = server.serve(guest("rust-hello")).await;
        for (faulty, status) in FAULTY {
            let mut wire = served.connect().await;
            wire.send(get("/")).await;
            wire.expect(HELLO).await;
            for byte in faulty.bytes() {
                let _ = wire.try_send([byte]).await; // it may be refused before its end
            }
            wire.expect(&refusal(status)).await;
            wire.expect_closed().await;
        }
    }

    /// HEAD would have no content, and HTTP/1.0 another version: but nobody knows what was asked for.
    async fn a_refusal_is_the_same_whatever_was_asked_for(server) {
        let served = server.serve(guest("rust-hello")).await;
        for line in ["HEAD / HTTP/1.1", "GET / HTTP/1.0", "CONNECT a:1 HTTP/1.1"] {
            let bytes = format!("{line}\r\nhost: a\r\nconnection: keep-alive\r\nupgrade: x\r\nx y: z\r\n\r\n");
            expect_refusal(&served, bytes.as_bytes(), "400 Bad Request").await;
        }
    }

    /// Closing with bytes unread would make a TCP stack throw away the refusal that is still on its way.
    async fn a_client_that_goes_on_sending_gets_its_refusal(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nx y: z\r\n").await;
        let _ = wire.try_send(vec![b'x'; 1 << 20]).await;
        wire.expect(&refusal("400 Bad Request")).await;
    }

    /// What a client says before it knows that its upgrade is accepted is in the new protocol, and what it says when it
    /// was declined is not: nothing may be judged before that is known.
    async fn what_is_behind_a_wish_for_an_upgrade_is_judged_when_it_was_declined(server) {
        let served = server.serve(guest("uses-features")).await;
        let ask = |path| format!("GET /upgrade/{path} HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
        let mut accepted = served.connect().await;
        accepted.send(ask("echo") + "x y\0\n").await;
        assert_eq!(accepted.receive_head().await.status_line, "HTTP/1.1 101 Switching Protocols");
        accepted.expect("x y\0\n").await;
        for pieces in [1, 2] {
            let mut declined = served.connect().await;
            declined.send(ask("decline")).await;
            if pieces == 2 {
                declined.expect(&crate::ok("no, thank you\n")).await;
            }
            declined.send("x y\0\n").await;
            if pieces == 1 {
                declined.expect(&crate::ok("no, thank you\n")).await;
            }
            declined.expect(&refusal("400 Bad Request")).await;
            declined.expect_closed().await;
        }
    }

    async fn a_client_that_leaves_in_a_head_is_not_answered(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + "GET / HTTP/1.1\r\nho").await;
        wire.expect(HELLO).await;
        wire.finish().await;
        wire.expect_closed().await;
    }
}

/// Serves an application that counts what it sees.
async fn serve_counted(server: TestServer) -> (Served, Arc<AtomicUsize>) {
    let heads = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&heads);
    let answer = move |request: windhover_contract::Request| {
        seen.fetch_add(1, Ordering::Relaxed);
        async move {
            drop(request);
            Response { body: Body::full("seen\n"), ..Response::empty(http::StatusCode::OK) }
        }
    };
    (server.serve_fn(answer).await, heads)
}

/// The same, but for that it reads the content to its end: where it comes byte by byte, and nobody reads it, the server
/// closes the connection behind the answer.
async fn serve_reading(server: TestServer) -> (Served, Arc<AtomicUsize>) {
    let heads = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&heads);
    let answer = move |request: windhover_contract::Request| {
        seen.fetch_add(1, Ordering::Relaxed);
        async move {
            request.body.collect().await.expect("all of it comes");
            Response { body: Body::full("seen\n"), ..Response::empty(http::StatusCode::OK) }
        }
    };
    (server.serve_fn(answer).await, heads)
}

/// Sends bytes on a connection of their own and expects to be refused, and nothing more.
async fn expect_refusal(served: &Served, bytes: &[u8], status: &str) {
    let mut wire = served.connect().await;
    wire.send(bytes).await;
    let received = wire.receive_response().await;
    let expected = (format!("HTTP/1.1 {status}"), "connection: close content-length: 0".to_owned());
    assert_eq!((received.status_line, received.fields.join(" ")), expected, "for {}", bytes.escape_ascii());
    wire.expect_closed().await;
}

fn refusal(status: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n")
}

/// One head of each kind.
const FAULTY: [(&str, &str); 6] = [
    ("GET /a b HTTP/1.1\r\nhost: a\r\n\r\n", "400 Bad Request"),
    ("GET / HTTP/2.0\r\nhost: a\r\n\r\n", "505 HTTP Version Not Supported"),
    ("HEAD / HTTP/1.0\r\nhost: a\r\nx: y\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nhost: a\r\nupgrade: x\r\ncontent-length: 9\r\nx y: z\r\n\r\n", "400 Bad Request"),
    ("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n", "400 Bad Request"),
    ("\0", "400 Bad Request"),
];

const COUNTED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ndate: …\r\n\r\nseen\n";
