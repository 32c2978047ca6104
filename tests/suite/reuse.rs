//! Instances that answer more than one exchange, where the deployment wants that: what they share, and what they never
//! do.

use std::time::Duration;

use windhover_sandbox::{Guest, Reuse, SandboxLimits};
use windhover_tests::{engine_with, for_each_server, guest, guest_of};

use crate::{fault, get, ok};

/// The guest that counts its requests. On one thread, because an instance at work on another is passed over.
fn facts() -> Guest {
    guest_of(&engine_with(|config| config.background_threads = 0), "wasi3-facts")
}

for_each_server! {
    async fn an_instance_answers_one_exchange_after_the_other(server) {
        let served = server.workers(2).sandbox_limits(one_by_one(serial(3))).serve(guest("counts")).await;
        let mut wire = served.connect().await;
        wire.send(get("/").repeat(4)).await;
        for count in ["1\n", "2\n", "3\n", "1\n"] {
            wire.expect(&ok(count)).await;
        }
        let mut other = served.connect().await;
        other.send(get("/")).await;
        other.expect(&ok("2\n")).await;
    }

    async fn so_does_one_of_wasi_http_of_either_version(server) {
        for (guest, reuse) in [
            (guest("wasi-counts"), serial(3)),
            (facts(), serial(3)),
            (facts(), concurrent(3)),
        ] {
            let served = server.clone().workers(2).sandbox_limits(one_by_one(reuse)).serve(guest).await;
            let mut wire = served.connect().await;
            for count in ["1\n", "2\n", "3\n", "1\n"] {
                wire.send(get("/count")).await;
                assert_eq!(wire.receive_response().await.text(), count, "{reuse:?}");
            }
        }
    }

    async fn an_instance_is_in_several_exchanges_at_once(server) {
        let served = server.workers(2).sandbox_limits(|limits| limits.reuse = concurrent(128)).serve(facts()).await;
        let mut wires = Vec::new();
        for count in 1..=5 {
            let mut waiting = served.connect().await;
            waiting.send("POST /copy HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
            waiting.receive_head().await;
            assert_eq!(waiting.receive_content(5).await, b"hello");
            wires.push(waiting);
            let mut wire = served.connect().await;
            wire.send(get("/count")).await;
            assert_eq!(wire.receive_response().await.text(), format!("{}\n", 2 * count));
        }
        for mut waiting in wires {
            waiting.send("again").await;
            assert_eq!(waiting.receive_content(5).await, b"again");
            assert_eq!(waiting.receive_chunk().await, None);
        }
    }

    async fn an_instance_has_only_so_many_seats(server) {
        let reuse = Reuse::Concurrent { max_requests: 128, max_concurrent: 2, idle: LONG };
        let served = server.workers(2).sandbox_limits(|limits| limits.reuse = reuse).serve(facts()).await;
        let mut wires = Vec::new();
        for _ in 0..2 {
            let mut waiting = served.connect().await;
            waiting.send("POST /copy HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n").await;
            waiting.receive_head().await;
            wires.push(waiting);
        }
        let mut wire = served.connect().await;
        wire.send(get("/count")).await;
        assert_eq!(wire.receive_response().await.text(), "1\n");
    }

    /// Its functions name no exchange, so there must be one: the instance is in it alone.
    async fn a_guest_that_asks_windhover_is_in_one_exchange_at_a_time(server) {
        let served =
            server.workers(2).sandbox_limits(|limits| limits.reuse = concurrent(128)).serve(guest("wasi3-with-features")).await;
        let (mut first, mut second) = (served.connect().await, served.connect().await);
        for (wire, path) in [(&mut first, "/first"), (&mut second, "/second")] {
            wire.send(format!("POST {path} HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n")).await;
            wire.expect("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        first.send("go").await;
        assert_eq!(first.receive_response().await.text(), "/first /first 1\n");
        first.send(get("/third")).await;
        assert_eq!(first.receive_response().await.text(), "/third /third 2\n");
        second.send("go").await;
        assert_eq!(second.receive_response().await.text(), "/second /second 1\n");
        first.send(get("/log") + &get("/log")).await;
        assert_eq!(first.receive_response().await.text(), "/log /log 2\n");
        assert_eq!(first.receive_response().await.text(), "/log /log 3\n");
    }

    /// Guards against: in `wasmtime serve` 48 a trap fails every exchange of its instance. Serially it is its own.
    async fn an_instance_that_trapped_is_not_used_again(server) {
        for reuse in [serial(128), concurrent(128)] {
            let served = server.clone().workers(2).sandbox_limits(|limits| limits.reuse = reuse).serve(guest("wasi3-traps")).await;
            let mut wire = served.connect().await;
            wire.send(get("/fine") + &get("/") + &get("/fine")).await;
            assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
            wire.expect(&fault("500 Internal Server Error")).await;
            assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
        }
    }

    /// Guards against: it went back and failed each exchange that it was given, 198 of 200.
    async fn an_instance_that_returned_without_an_answer_is_not_used_again(server) {
        let served = server.workers(2).sandbox_limits(one_by_one(serial(128))).serve(guest("wasi-counts")).await;
        let mut wire = served.connect().await;
        for count in ["1\n", "2\n"] {
            wire.send(get("/")).await;
            assert_eq!(wire.receive_response().await.text(), count);
        }
        wire.send(get("/silent")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        for count in ["1\n", "2\n"] {
            wire.send(get("/")).await;
            assert_eq!(wire.receive_response().await.text(), count);
        }
    }

    /// Some engines answer once and never again.
    async fn a_guest_that_fails_when_it_is_first_reused_is_not_reused(server) {
        for (guest, path) in [(guest("wasi-counts"), "/once"), (guest("wasi-traps"), "/once")] {
            let served = server.clone().workers(2).sandbox_limits(one_by_one(serial(128))).serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get(path)).await;
            assert_eq!(wire.receive_response().await.text(), "1\n");
            wire.send(get(path)).await;
            wire.expect(&fault("500 Internal Server Error")).await;
            for _ in 0..5 {
                wire.send(get(path)).await;
                assert_eq!(wire.receive_response().await.text(), "1\n");
            }
        }
    }

    async fn a_trap_ends_every_exchange_of_its_instance_and_no_other(server) {
        for (reuse, is_shared) in [(serial(128), false), (concurrent(128), true)] {
            let served = server.clone().workers(2).sandbox_limits(|limits| limits.reuse = reuse).serve(guest("wasi3-traps")).await;
            let (mut waiting, mut wire) = (served.connect().await, served.connect().await);
            waiting.send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
            let received = waiting.receive_head().await;
            waiting.expect("10\r\nthe first chunk\n\r\n").await;
            wire.send(get("/")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
            if is_shared {
                assert_eq!(waiting.expect_reset_mid_body(&received).await, b"");
            } else {
                served.expect_nothing_yet(&mut waiting).await; // the other exchange goes on
            }
            wire.send(get("/fine")).await;
            assert_eq!(wire.receive_response().await.text(), "the first chunk\n");
        }
    }

    /// Guards against: wasmtime's own handler lets an exchange whose time is over, or whose client is gone, run on.
    /// Only one instance is allowed here, so the next exchange shows that it was let go.
    async fn an_instance_whose_exchange_was_given_up_is_let_go(server) {
        for reuse in [serial(128), concurrent(128)] {
            let change = |limits: &mut SandboxLimits| (limits.max_instances, limits.reuse) = (1, reuse);
            let served = server.clone().workers(2).sandbox_limits(change).serve(guest("wasi3-traps")).await;
            let mut leaving = served.connect().await;
            leaving.send(get("/half")).await;
            leaving.receive_head().await;
            leaving.leave();
            let mut wire = served.connect().await;
            wire.send(get("/fine")).await;
            assert_eq!(wire.receive_response().await.text(), "the first chunk\n");

            let change = |limits: &mut SandboxLimits| {
                (limits.max_instances, limits.timeout, limits.reuse) = (1, SHORT, reuse);
            };
            let served = server.clone().workers(2).sandbox_limits(change).serve(guest("wasi3-traps")).await;
            let mut wire = served.connect().await;
            for path in ["/never", "/spin"] {
                wire.send(get(path)).await;
                wire.expect(&fault("504 Gateway Timeout")).await;
            }
        }
    }

    /// The others of the instance are not disturbed by it.
    async fn an_exchange_that_is_given_up_leaves_the_others_alone(server) {
        let served = server.workers(2).sandbox_limits(|limits| limits.reuse = concurrent(128)).serve(facts()).await;
        let (mut staying, mut leaving) = (served.connect().await, served.connect().await);
        for wire in [&mut staying, &mut leaving] {
            wire.send("POST /copy HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhello").await;
            wire.receive_head().await;
            assert_eq!(wire.receive_content(5).await, b"hello");
        }
        leaving.leave();
        staying.send("again").await;
        assert_eq!(staying.receive_content(5).await, b"again");
        assert_eq!(staying.receive_chunk().await, None);
        staying.send(get("/count")).await;
        staying.receive_response().await;
    }

    /// As long as somebody could still read it, the connection waits for what comes. A guest that keeps its request and needs none
    /// of it holds up nobody.
    async fn an_instance_that_keeps_its_content_is_not_used_again(server) {
        let served = server.workers(2).sandbox_limits(one_by_one(serial(128))).serve(guest("wasi-counts")).await;
        let mut wire = served.connect().await;
        for count in ["1\n", "2\n"] {
            wire.send(get("/keeps")).await;
            assert_eq!(wire.receive_response().await.text(), count);
        }
        wire.send("POST /keeps HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\r\nhalf of it").await;
        assert_eq!(wire.receive_response().await.text(), "3\n");
        wire.expect_closed().await;
        let mut next = served.connect().await;
        next.send(get("/")).await;
        assert_eq!(next.receive_response().await.text(), "1\n");
    }

    async fn no_instance_rests_longer_than_it_may(server) {
        for (guest, reuse) in [
            (guest("wasi-counts"), Reuse::Serial { max_requests: 128, idle: Duration::ZERO }),
            (facts(), Reuse::Serial { max_requests: 128, idle: Duration::ZERO }),
            (facts(), Reuse::Concurrent { max_requests: 128, max_concurrent: 16, idle: Duration::ZERO }),
        ] {
            let served = server.clone().workers(2).sandbox_limits(|limits| limits.reuse = reuse).serve(guest).await;
            let mut wire = served.connect().await;
            for _ in 0..3 {
                wire.send(get("/count")).await;
                assert_eq!(wire.receive_response().await.text(), "1\n", "{reuse:?}");
            }
        }
    }

    async fn more_exchanges_than_allowed_are_answered_503_all_the_same(server) {
        for reuse in [serial(128), concurrent(128)] {
            let change = |limits: &mut SandboxLimits| {
                (limits.max_instances, limits.max_queue, limits.reuse) = (1, 0, reuse);
            };
            let served = server.clone().workers(2).sandbox_limits(change).serve(facts()).await;
            let (mut working, mut refused) = (served.connect().await, served.connect().await);
            working.send("POST /copy HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
            working.receive_head().await;
            refused.send(get("/count")).await;
            assert_eq!(refused.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
        }
    }
}

/// A response may be out before its guest has returned. Then only a request that waits for the one slot finds the
/// instance idle.
fn one_by_one(reuse: Reuse) -> impl FnOnce(&mut SandboxLimits) {
    move |limits| (limits.reuse, limits.max_instances) = (reuse, 1)
}

fn serial(max_requests: u32) -> Reuse {
    Reuse::Serial { max_requests, idle: LONG }
}

fn concurrent(max_requests: u32) -> Reuse {
    Reuse::Concurrent { max_requests, max_concurrent: 16, idle: LONG }
}

/// Longer than any test lasts.
const LONG: Duration = Duration::from_secs(3600);

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);
