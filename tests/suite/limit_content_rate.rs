//! How slowly a request's content may come while it is waited for.

use std::time::Duration;

use windhover_tests::{for_each_server, guest};

use crate::{SECOND, get, ok};

for_each_server! {
    async fn content_that_comes_too_slowly_is_408(server) {
        let served = server.with_test_clock().serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST /must?9 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab").await;
        served.almost_reach(GRACE).await;
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 408 Request Timeout");
        wire.expect_closed().await;
    }

    async fn content_that_comes_to_its_end_in_the_last_second_is_whole(server) {
        let served = server.with_test_clock().serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        for _ in 0..2 {
            wire.send("POST /must?9 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab").await;
            served.almost_reach(GRACE).await;
            wire.send("c").await;
            wire.expect(&ok("abc")).await;
        }
    }

    async fn a_guest_may_ask_its_client_to_be_faster(server) {
        let served = server.with_test_clock().serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send("POST /limits/request-rate?1000,2000 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab").await;
        served.almost_reach(2 * SECOND).await;
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        assert_eq!(wire.receive_response().await.text(), "2 bytes, then too-slow\n");
        wire.expect_closed().await;
        let mut next = served.connect().await;
        next.send(get("/limits/none")).await;
        next.expect(&ok("0 bytes\n")).await;
    }
}

/// By default.
const GRACE: Duration = Duration::from_secs(5);
