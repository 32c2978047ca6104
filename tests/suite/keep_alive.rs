//! Several exchanges on one connection: one after the other, in order, until a side has had enough.

use windhover_contract::Drained;
use windhover_tests::{Framing, Served, for_each_server, guest};

use crate::{HELLO, SECOND, fault, get, ok, post};

for_each_server! {
    async fn a_connection_serves_request_after_request(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        for _ in 0..3 {
            wire.send(get("/")).await;
            wire.expect(HELLO).await;
        }
        wire.finish().await;
        wire.expect_closed().await;
    }

    async fn requests_that_come_together_are_answered_in_their_order(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send((0..50).map(|number| post("/all?9", &format!("{number:02}"))).collect::<String>()).await;
        for number in 0..50 {
            wire.expect(&ok(&format!("{number:02}"))).await;
        }
    }

    async fn a_request_may_come_byte_by_byte(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        for byte in post("/all?9", "content").bytes() {
            wire.send([byte]).await;
        }
        wire.expect(&ok("content")).await;
    }

    async fn a_client_that_asks_for_the_end_gets_it(server) {
        let served = server.serve(guest("rust-hello")).await;
        for option in ["close", "Close", "keep-alive, close"] {
            let mut wire = served.connect().await;
            wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: {option}\r\n\r\n")).await;
            wire.expect(
                "HTTP/1.1 200 OK\r\n\
                 content-type: text/plain; charset=utf-8\r\n\
                 connection: close\r\n\
                 content-length: 24\r\n\
                 date: …\r\n\
                 \r\n\
                 Hello from WebAssembly!\n",
            )
            .await;
            wire.expect_closed().await;
        }
    }

    async fn http_1_0_ends_after_one_answer(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.0\r\n\r\n").await;
        wire.expect(&HELLO.replace("HTTP/1.1", "HTTP/1.0")).await;
        wire.expect_closed().await;
    }

    async fn http_1_0_goes_on_when_it_asks_to(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        for _ in 0..2 {
            wire.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
            wire.expect(
                "HTTP/1.0 200 OK\r\n\
                 content-type: text/plain; charset=utf-8\r\n\
                 connection: keep-alive\r\n\
                 content-length: 24\r\n\
                 date: …\r\n\
                 \r\n\
                 Hello from WebAssembly!\n",
            )
            .await;
        }
    }

    /// RFC 9112 §6.1: chunks are not for HTTP/1.0.
    async fn http_1_0_gets_content_of_unknown_length_until_the_end(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.0\r\ncontent-length: 6\r\n\r\nabc").await;
        let head = wire.receive_head().await;
        assert_eq!((head.status_line.as_str(), head.framing), ("HTTP/1.0 200 OK", Framing::Close));
        wire.expect("abc").await;
        wire.send("def").await;
        wire.expect("def").await;
        wire.expect_closed().await;
    }

    /// RFC 9110 §7.8: a server may ignore the wish to change protocols.
    async fn an_upgrade_that_nobody_offers_is_ignored(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        for protocol in ["websocket", "h2c"] {
            wire.send(format!("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n")).await;
            wire.expect(HELLO).await;
        }
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
    }

    /// The HTTP server waits for it with less at hand, of which it must see nothing.
    async fn a_client_that_was_silent_for_long_is_served_as_before(server) {
        let served = server.with_test_clock().serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        for _ in 0..3 {
            for byte in post("/all?9", "content").bytes() {
                wire.send([byte]).await;
            }
            wire.expect(&ok("content")).await;
            wire.send([post("/all?9", "one"), post("/all?9", "two")].concat()).await;
            wire.expect(&ok("one")).await;
            wire.expect(&ok("two")).await;
            silence(&served).await;
        }
        wire.finish().await;
        wire.expect_closed().await;
    }

    async fn a_client_that_was_silent_for_long_does_not_hold_a_server_that_leaves(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(HELLO).await;
        silence(&served).await;
        assert_eq!(served.shutdown().await, Drained::Clean);
        wire.expect_closed().await;
    }

    async fn a_fault_of_the_guest_does_not_end_the_connection(server) {
        let served = server.serve(guest("traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        wire.send(get("/sent")).await;
        wire.expect(&ok("all of it\n")).await;
    }
}

/// Lets two seconds pass in which nobody says anything, and waits until all connections have noticed: whoever comes then
/// is served behind them.
async fn silence(served: &Served) {
    served.clock().jump(2 * SECOND);
    let mut other = served.connect().await;
    other.send(post("/all?9", "")).await;
    other.receive_response().await;
}
