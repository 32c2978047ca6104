//! The longest line that a request may begin with.

use windhover_contract::InRange;
use windhover_tests::{for_each_server, guest};

use crate::{HELLO, get};

for_each_server! {
    async fn a_request_line_of_the_longest_size_is_served_and_one_byte_more_is_414(server) {
        let served = server.limits(|limits| limits.max_request_line_size = InRange::of(100)).serve(guest("rust-hello")).await;
        let line_of = |size: usize| get(&format!("/{}", "x".repeat(size - "GET / HTTP/1.1\r\n".len())));
        let mut wire = served.connect().await;
        wire.send(line_of(100) + &line_of(100)).await;
        wire.expect(HELLO).await;
        wire.expect(HELLO).await;
        wire.send(line_of(101)).await;
        wire.expect(TOO_LONG_LINE).await;
        wire.expect_closed().await;
    }

    async fn a_request_line_that_never_ends_is_414(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET /").await;
        while !wire.has_something().await && wire.try_send("x".repeat(50)).await.is_ok() {}
        wire.expect(TOO_LONG_LINE).await;
        wire.expect_closed().await;
    }
}

const TOO_LONG_LINE: &str = "HTTP/1.1 414 URI Too Long\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";
