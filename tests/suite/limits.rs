//! Every limit of a server, met: what is larger or slower than allowed is refused, what is just within is served.

use std::num::NonZeroU32;
use std::time::Duration;

use windhover_contract::{DataRate, Limits};
use windhover_tests::{TestServer, for_each_server, guest};

use crate::{HELLO, fault, get, in_every_world, ok, post};

for_each_server! {
    async fn a_request_line_of_the_longest_size_is_served_and_one_octet_more_is_414(server) {
        let served = server.limits(|limits| limits.max_request_line_size = 100).serve(guest("rust-hello")).await;
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

    async fn fields_of_the_largest_size_are_served_and_one_octet_more_is_431(server) {
        let served = server.limits(|limits| limits.max_request_fields_size = 100).serve(guest("rust-hello")).await;
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
            let served = server.clone().limits(|limits| limits.max_request_fields = allowed).serve(guest("rust-hello")).await;
            let mut wire = served.connect().await;
            let fields = |count: usize| format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(count - 1));
            wire.send(fields(allowed)).await;
            wire.expect(HELLO).await;
            wire.send(fields(allowed + 1)).await;
            wire.expect(TOO_LARGE_FIELDS).await;
            wire.expect_closed().await;
        }
    }

    async fn a_head_that_does_not_come_to_its_end_in_time_is_408(server) {
        let served = server.limits(|limits| limits.request_head_timeout = SHORT).serve(guest("rust-hello")).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        second.send(get("/")).await;
        second.expect(HELLO).await;
        for wire in [&mut first, &mut second] {
            wire.send("GET / HTTP/1.1\r\nho").await;
            wire.expect("HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
            wire.expect_closed().await;
        }
    }

    /// Dribbling does not help: the time is that of the whole head.
    async fn a_head_that_comes_octet_by_octet_is_408_all_the_same(server) {
        let served = server.limits(|limits| limits.request_head_timeout = SHORT).serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        wire.send("GET / HTTP/1.1\r\nx: ").await;
        while !wire.has_something().await && wire.try_send("y").await.is_ok() {}
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 408 Request Timeout");
    }

    async fn a_connection_that_idles_for_too_long_is_closed_without_a_word(server) {
        let served = server.limits(|limits| limits.keep_alive_timeout = SHORT).serve(guest("rust-hello")).await;
        let (mut silent, mut idle) = (served.connect().await, served.connect().await);
        idle.send(get("/")).await;
        idle.expect(HELLO).await;
        for wire in [&mut silent, &mut idle] {
            wire.expect_closed().await;
        }
    }

    /// The time between exchanges does not run in one.
    async fn an_exchange_may_take_longer_than_a_connection_may_idle(server) {
        let change = |limits: &mut Limits| (limits.keep_alive_timeout, limits.request_head_timeout) = (SHORT, SHORT);
        let served = server.limits(change).serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(get("/life/wait?300")).await;
        wire.expect(&ok("false\n")).await;
        wire.send("POST /limits/none HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\na").await;
        let mut other = served.connect().await;
        other.send(get("/life/wait?300")).await;
        other.expect(&ok("false\n")).await;
        wire.send("b").await;
        wire.expect(&ok("2 octets\n")).await;
    }

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

    async fn one_connection_more_than_allowed_is_answered_503_and_the_next_is_served_when_one_has_gone(server) {
        let served = server.limits(|limits| limits.max_connections = Some(1)).serve(guest("rust-hello")).await;
        let mut first = served.connect().await;
        first.send(get("/")).await;
        first.expect(HELLO).await;
        let mut second = served.connect().await;
        second.send(get("/")).await;
        let refusal = second.receive_response().await;
        assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(refusal.fields, ["connection: close", "content-length: 0", "retry-after: 1"]);
        second.expect_closed().await;
        first.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        first.receive_response().await;
        first.expect_closed().await;
        // The place is given back a moment after the client has seen the end.
        loop {
            let mut third = served.connect().await;
            let _ = third.try_send(get("/")).await;
            if third.receive_response().await.status_line == "HTTP/1.1 200 OK" {
                break;
            }
        }
    }

    async fn upgraded_connections_are_counted_apart(server) {
        let change = |limits: &mut Limits| (limits.max_connections, limits.max_upgraded_connections) = (Some(1), Some(1));
        let served = server.limits(change).serve(guest("uses-features")).await;
        let ask = "GET /upgrade/echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        let mut upgraded = served.connect().await;
        upgraded.send(ask).await;
        assert_eq!(upgraded.receive_head().await.status_line, "HTTP/1.1 101 Switching Protocols");
        // The one that is upgraded is in nobody's way, but there may not be two.
        let mut second = served.connect().await;
        second.send(ask.to_owned() + &get("/upgrade/requested")).await;
        assert_eq!(second.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(second.receive_response().await.text(), "[]\n");
        upgraded.send("still here").await;
        upgraded.expect("still here").await;
    }

    async fn content_that_comes_too_slowly_is_408(server) {
        let served = server.limits(|limits| limits.min_request_data_rate = Some(rate(1000))).serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST /must?9 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab").await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 408 Request Timeout");
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

    /// The guest that writes to such a client would sleep forever, and nobody else could have its instance.
    async fn a_client_that_takes_nothing_is_given_up(server) {
        let served = server
            .limits(|limits| limits.min_response_data_rate = Some(rate(u32::MAX)))
            .sandbox_limits(|limits| limits.max_instances = 1)
            .serve(guest("streams"))
            .await;
        let mut deaf = served.connect().await;
        deaf.send(get("/endless")).await;
        deaf.receive_head().await;
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    async fn a_guest_is_told_the_limits_of_its_exchange(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/limits/tell")).await;
            wire.expect(&ok("Some(30000000) Some((240, 5000)) Some((240, 5000)) 30000\n")).await;
            wire.send(get("/limits/no-rate")).await;
            wire.expect(&ok("(Err(\"invalid\"), Err(\"invalid\"))\n")).await;
        }
    }

    async fn a_guest_may_raise_or_lower_the_limit_of_its_content(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/limits/size?6", "123456") + &get("/limits/none")).await;
        wire.expect(&ok("6 octets\n")).await;
        wire.expect(&ok("0 octets\n")).await;
    }

    async fn a_guest_that_changes_nothing_meets_the_limit_when_it_reads(server) {
        let served = server.limits(|limits| limits.max_request_body_size = Some(5)).serve(guest("uses-features")).await;
        for (request, answer) in [
            (post("/limits/none", "12345"), "5 octets\n"),
            (post("/limits/none", "123456"), "0 octets, then too-large\n"),
            (post("/limits/size?4", "12345"), "0 octets, then too-large\n"),
            (post("/limits/size?none", "123456"), "6 octets\n"),
            (
                "POST /limits/size?4 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
                 4\r\n1234\r\n1\r\n5\r\n0\r\n\r\n"
                    .into(),
                "4 octets, then too-large\n",
            ),
        ] {
            let mut wire = served.connect().await;
            wire.send(request).await;
            assert_eq!(wire.receive_response().await.text(), answer);
        }
    }

    async fn what_bounds_the_content_stands_once_it_is_read(server) {
        let served = server.serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/limits/late", "123")).await;
        wire.expect(&ok("Some(1) Err(\"too-late\") Err(\"too-late\") true\n")).await;
    }

    async fn a_guest_may_ask_its_client_to_be_faster(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("uses-features")).await;
        let mut slow = served.connect().await;
        slow.send("POST /limits/request-rate?1000,50 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nab").await;
        assert_eq!(slow.receive_response().await.text(), "2 octets, then too-slow\n");
        slow.expect_closed().await;
        let mut deaf = served.connect().await;
        deaf.send(get("/limits/response-rate?4294967295,50")).await;
        deaf.receive_head().await;
        // It takes nothing more: so its guest is ended, and the one instance is free for the next.
        let mut next = served.connect().await;
        next.send(get("/limits/none")).await;
        next.expect(&ok("0 octets\n")).await;
    }

    async fn a_guest_may_change_its_time_within_what_the_deployment_allows(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.timeout, limits.max_timeout) = (SHORT, Duration::from_secs(60));
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut wire = served.connect().await;
            for (asked, got) in [("70", 70), ("30000", 30_000), ("18446744073709551615", 60_000), ("none", 60_000)] {
                wire.send(get(&format!("/limits/timeout?{asked}"))).await;
                wire.expect(&ok(&format!("{got}\n"))).await;
            }
            // Longer than the limit was, and shorter than it was.
            wire.send(get("/limits/long?200")).await;
            wire.expect(&ok("false\n")).await;
            let mut wire = served.connect().await;
            wire.send(get("/limits/short?10")).await;
            wire.expect(&fault("504 Gateway Timeout")).await;
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
        assert_eq!(wire.receive_response().await.text(), "0 octets, then too-large\n");
    }
}

#[test]
fn the_limits_are_on_by_default() {
    let limits = Limits::default();
    assert!(
        limits.max_request_body_size.is_some()
            && limits.min_request_data_rate.is_some()
            && limits.min_response_data_rate.is_some()
    );
}

const TOO_LONG_LINE: &str = "HTTP/1.1 414 URI Too Long\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";

const TOO_LARGE_FIELDS: &str = "HTTP/1.1 431 Request Header Fields Too Large\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";

const TOO_LARGE_BODY: &str = "HTTP/1.1 413 Payload Too Large\r\n\
    connection: close\r\n\
    content-length: 0\r\n\
    date: …\r\n\
    \r\n";

/// A rate that is looked at soon.
fn rate(octets_per_second: u32) -> DataRate {
    DataRate { octets_per_second: NonZeroU32::new(octets_per_second).expect("it is not 0"), grace: SHORT }
}

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);
