//! The time that a head may take, from its first byte to its last.

use std::time::Duration;

use windhover_tests::{bounded, for_each_server, guest};

use crate::{HELLO, SECOND, get};

for_each_server! {
    async fn a_head_that_does_not_come_to_its_end_in_time_is_408(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        second.send(get("/")).await;
        second.expect(HELLO).await;
        served.clock().jump(TIME); // what waited for that head waits no more
        for wire in [&mut second, &mut first] {
            wire.send("GET / HTTP/1.1\r\nho").await;
            served.almost_reach(TIME).await;
            served.expect_nothing_yet(wire).await;
            served.advance(SECOND).await;
            wire.expect(TOO_SLOW).await;
            wire.expect_closed().await;
        }
    }

    async fn a_head_that_comes_to_its_end_in_the_last_second_is_served(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nho").await;
        served.almost_reach(TIME).await;
        wire.send("st: a\r\n\r\n").await;
        wire.expect(HELLO).await;
    }

    /// Dribbling does not help: the time is that of the whole head.
    async fn a_head_that_comes_byte_by_byte_is_408_all_the_same(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nhost: a\r\nx: ").await;
        bounded("the head to be waited for", served.clock().wait_until_armed(TIME)).await;
        for _ in 0..29 {
            wire.send("y").await;
            served.clock().jump(SECOND);
        }
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        wire.expect(TOO_SLOW).await;
        wire.expect_closed().await;
    }
}

const TOO_SLOW: &str = "HTTP/1.1 408 Request Timeout\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";

/// By default.
const TIME: Duration = Duration::from_secs(30);
