//! How many fields a request may have, and how large they may be together.

use windhover_contract::InRange;
use windhover_tests::{for_each_server, guest};

use crate::{HELLO, get};

for_each_server! {
    async fn fields_of_the_largest_size_are_served_and_one_byte_more_is_431(server) {
        let served = server.limits(|limits| limits.max_request_fields_size = InRange::of(100)).serve(guest("rust-hello")).await;
        let fields_of = |size: usize| {
            let empty = "host: a\r\nx: \r\n";
            format!("GET / HTTP/1.1\r\n{}\r\n", empty.replace("x: ", &format!("x: {}", "y".repeat(size - empty.len()))))
        };
        let mut wire = served.connect().await;
        wire.send(fields_of(100) + &get("/")).await;
        wire.expect(HELLO).await;
        wire.expect(HELLO).await;
        wire.send(fields_of(101)).await;
        wire.expect(TOO_LARGE_FIELDS).await;
        wire.expect_closed().await;
    }

    async fn the_largest_head_that_the_defaults_allow_is_served(server) {
        let served = server.serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        let line = format!("GET /{} HTTP/1.1\r\n", "x".repeat(8192 - "GET / HTTP/1.1\r\n".len()));
        let fields = format!("host: a\r\nx:{}\r\n", "y".repeat(32_768 - "host: a\r\nx:\r\n".len()));
        for empty_line in ["", "\r\n"] {
            wire.send(format!("{empty_line}{line}{fields}\r\n")).await;
            wire.expect(HELLO).await;
        }
    }

    async fn fields_that_never_end_are_431(server) {
        let served = server.serve(guest("rust-hello")).await;
        for pattern in ["x: 12345678901234567890123456789012345678901234567890\r\n", "x"] {
            let mut wire = served.connect().await;
            wire.send("GET / HTTP/1.1\r\nhost: a\r\n").await;
            while !wire.has_something().await && wire.try_send(pattern.repeat(50)).await.is_ok() {}
            wire.expect(TOO_LARGE_FIELDS).await;
            wire.expect_closed().await;
        }
    }

    async fn as_many_fields_as_allowed_are_served_and_one_more_is_431(server) {
        for allowed in [3, 100, 1000] {
            let served = server.clone().limits(|limits| limits.max_request_fields = InRange::of(allowed as u64)).serve(guest("rust-hello")).await;
            let mut wire = served.connect().await;
            let fields = |count: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(count - 1));
            wire.send(fields(allowed)).await;
            wire.expect(HELLO).await;
            wire.send(fields(allowed + 1)).await;
            wire.expect(TOO_LARGE_FIELDS).await;
            wire.expect_closed().await;
        }
    }
}

const TOO_LARGE_FIELDS: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";
