//! What a guest does wrong stays in its own exchange: its client gets a plain status or a broken connection, never a
//! word about the inside, and everybody else notices nothing.

mod fresh;

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{mem, thread};

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windhover_contract::{Application, Body};
use windhover_sandbox::{Grants, Sandbox, SandboxLimits};
use windhover_tests::{TestServer, bounded, engine_with, for_each_server, guest, guest_of};

use crate::{HELLO, expect_500_of_a_started_answer, fault, get, ok, post};

for_each_server! {
    async fn each_request_has_an_instance_of_its_own(server) {
        let served = server.serve(guest("counts")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/")).await;
        wire.expect(&ok("1\n")).await;
        wire.expect(&ok("1\n")).await;
        let mut other = served.connect().await;
        other.send(get("/")).await;
        other.expect(&ok("1\n")).await;
    }

    async fn a_trap_before_the_answer_is_a_500_that_says_nothing(server) {
        let served = server.serve(guest("traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/") + &post("/", "content")).await;
        for _ in 0..3 {
            wire.expect(&fault("500 Internal Server Error")).await;
        }
    }

    async fn a_trap_after_the_head_cannot_be_taken_for_an_end(server) {
        let served = server.serve(guest("traps")).await;
        let mut wire = served.connect().await;
        wire.send("POST /late HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        let received = wire.receive_head().await;
        wire.expect("10\r\nthe first piece\n\r\n").await;
        wire.send("go").await;
        assert_eq!(wire.expect_reset_mid_body(&received).await, b"");
    }

    /// The client is better off with a 500 than with an answer that breaks off.
    async fn a_trap_before_anything_of_the_answer_has_left_is_a_500(server) {
        for (guest, path) in [(guest("traps"), "/started"), (guest("wasi-traps"), "/late")] {
            let served = server.clone().serve(guest).await;
            expect_500_of_a_started_answer(&served, &get(path)).await;
        }
    }

    /// The runtimes of some languages end so. The guest has answered, so it has not failed: one that fails is left alone
    /// here.
    async fn a_guest_that_exits_when_it_has_answered_has_not_failed(server) {
        for guest in [guest("traps"), guest("wasi-traps")] {
            let served = server.clone().sandbox_limits(|limits| limits.rapid_fail = 1).serve(guest).await;
            let mut wire = served.connect().await;
            for _ in 0..2 {
                wire.send(get("/exits")).await;
                assert_eq!(wire.receive_response().await.text(), "all of it\n");
            }
            wire.send(get("/exits-at-once")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
        }
    }

    async fn a_trap_after_a_whole_answer_does_not_touch_it(server) {
        let served = server.serve(guest("traps")).await;
        let mut wire = served.connect().await;
        wire.send(get("/sent") + &get("/sent")).await;
        wire.expect(&ok("all of it\n")).await;
        wire.expect(&ok("all of it\n")).await;
    }

    async fn a_guest_that_never_ends_is_ended_with_504(server) {
        let change = |limits: &mut SandboxLimits| (limits.timeout, limits.idle_timeout) = (SHORT, SHORT);
        let served = server.sandbox_limits(change).serve(guest("spins")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/sent")).await;
        wire.expect(&fault("504 Gateway Timeout")).await;
        wire.expect(&ok("all of it\n")).await;
        let mut late = served.connect().await;
        late.send(get("/late")).await;
        let received = late.receive_head().await;
        late.expect("10\r\nthe first piece\n\r\n").await;
        assert_eq!(late.expect_reset_mid_body(&received).await, b"");
    }

    async fn a_guest_that_waits_too_long_for_a_client_without_a_least_rate_is_ended_too(server) {
        let served = server
            .limits(|limits| limits.min_request_data_rate = None)
            .sandbox_limits(|limits| limits.timeout = SHORT)
            .serve(guest("echoes"))
            .await;
        let mut wire = served.connect().await;
        wire.send("POST /measure HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n").await;
        let response = wire.receive_response().await;
        assert_eq!(response.status_line, "HTTP/1.1 504 Gateway Timeout");
    }

    /// What it waits is not counted: it may take all of its wall time.
    async fn a_guest_that_computes_for_too_long_is_ended_and_one_that_waits_is_not(server) {
        let served = server.sandbox_limits(|limits| limits.max_cpu_time = SHORT).serve(guest("spins")).await;
        let mut waiting = served.connect().await;
        waiting.send("POST /waits HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n").await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 504 Gateway Timeout");
        let mut late = served.connect().await;
        late.send(get("/late")).await;
        let head = late.receive_head().await;
        late.expect_reset_mid_body(&head).await;
        waiting.send("abc").await;
        waiting.expect(&ok("abc")).await;
    }

    /// Each time that it goes on, the clock has ticked for others meanwhile.
    async fn a_guest_that_waits_again_and_again_beside_one_that_computes_has_not_computed(server) {
        let served = server
            .limits(|limits| limits.min_request_data_rate = None) // on a machine that is busy, this takes a while
            .sandbox_limits(|limits| limits.max_cpu_time = SHORT * 3)
            .serve(guest("computes"))
            .await;
        let (mut waiting, mut computing) = (served.connect().await, served.connect().await);
        waiting.send("POST /0 HTTP/1.1\r\nhost: a\r\ncontent-length: 200\r\n\r\n").await;
        waiting.receive_head().await;
        for _ in 0..200 {
            computing.send(get("/3")).await;
            computing.expect(&ok("done\n")).await;
            waiting.send("x").await;
            assert_eq!(waiting.receive_content(1).await, b"x");
        }
        assert_eq!(waiting.receive_chunk().await, None);
    }

    async fn a_guest_that_traps_again_and_again_is_left_alone(server) {
        let served = server.sandbox_limits(|limits| limits.rapid_fail = 3).serve(guest("traps")).await;
        let mut wire = served.connect().await;
        for _ in 0..3 {
            wire.send(get("/")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
        }
        wire.send(get("/sent")).await;
        let refusal = wire.receive_response().await;
        assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
        assert!(refusal.fields.contains(&"retry-after: 1".to_owned()), "{refusal:?}");
    }

    /// One thread that serves: the guest that computes must leave it, or give way, and not only to what is ready already
    /// but to what comes in. A server that looks at its sockets now and then, instead of at each turn, does not end here
    /// in time.
    async fn a_guest_that_computes_does_not_hold_up_others(server) {
        for threads in [0, 1] {
            let engine = engine_with(|config| config.background_threads = threads);
            let served = server.clone().serve(guest_of(&engine, "spins")).await;
            let mut spinning = served.connect().await;
            spinning.send(get("/late")).await;
            spinning.receive_head().await;
            let mut wire = served.connect().await;
            let exchanges = async {
                for _ in 0..30 {
                    wire.send("POST /nowhere HTTP/1.1\r\n\r\n").await;
                    wire.receive_response().await;
                    wire = served.connect().await;
                }
            };
            bounded("thirty exchanges next to a guest that computes", exchanges).await;
        }
    }

    /// Wherever it goes on then, its client, its limits and its faults stay its own.
    async fn a_guest_that_has_computed_goes_on_with_its_client(server) {
        for threads in [0, 1] {
            let engine = engine_with(|config| config.background_threads = threads);
            let served = server.clone().serve(guest_of(&engine, "computes")).await;
            let mut wire = served.connect().await;
            wire.send("POST /20 HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n").await;
            wire.receive_head().await;
            for piece in ["one", "two", "end"] {
                wire.send(piece).await;
                assert_eq!(wire.receive_content(3).await, piece.as_bytes());
            }
            assert_eq!(wire.receive_chunk().await, None);
            // By now it is known that they compute, so they begin where that is done.
            for _ in 0..20 {
                wire.send(get("/20")).await;
                wire.expect(&ok("done\n")).await;
            }
            wire.send("POST /20 HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\n").await;
            let head = wire.receive_head().await;
            wire.send("trap").await;
            wire.expect_reset_mid_body(&head).await;
        }
    }

    /// There each of its steps costs several times as much, and its exchange may last for days.
    async fn a_guest_that_no_longer_computes_is_back_on_the_thread_that_serves(server) {
        let engine = engine_with(|config| config.background_threads = 1);
        let guest = guest_of(&engine, "computes");
        let sandbox = Arc::new(Sandbox::new(guest, "test", SandboxLimits::default(), Grants::default()));
        let is_away = Arc::new(AtomicBool::new(false));
        let sees = Arc::clone(&is_away);
        let served = server
            .serve_fn(move |mut request| {
                let (sandbox, sees) = (Arc::clone(&sandbox), Arc::clone(&sees));
                let content = mem::replace(&mut request.body, Body::empty()).map_frame(move |frame| {
                    sees.store(thread::current().name() == Some("windhover-guest"), Ordering::Relaxed);
                    frame
                });
                request.body = Body::stream(content);
                async move { sandbox.handle(request).await }
            })
            .await;
        let mut wire = served.connect().await;
        wire.send("POST /3 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await;
        wire.receive_head().await;
        for (piece, goes) in [("work", true), ("rest", false), ("work", true), ("rest", false)] {
            bounded("a guest that is to go elsewhere", async {
                loop {
                    wire.send(format!("4\r\n{piece}\r\n")).await;
                    assert_eq!(wire.receive_content(4).await, piece.as_bytes());
                    if is_away.load(Ordering::Relaxed) == goes {
                        break;
                    }
                }
            })
            .await;
        }
        wire.send("0\r\n\r\n").await;
        assert_eq!(wire.receive_chunk().await, None);
    }

    async fn a_guest_whose_client_takes_nothing_and_need_not_is_ended_when_any_is(server) {
        let served = server
            .limits(|limits| limits.min_response_data_rate = None)
            .sandbox_limits(|limits| (limits.max_instances, limits.timeout, limits.max_timeout) = (1, SHORT, SHORT))
            .serve(guest("streams"))
            .await;
        let mut deaf = served.connect().await;
        deaf.send(get("/endless")).await;
        deaf.receive_head().await;
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    /// There is nobody to take what it writes, and it never waits: to nobody it is silent, and holds nobody up.
    async fn a_guest_that_answers_head_without_end_is_ended_in_its_time(server) {
        let served = server
            .sandbox_limits(|limits| (limits.max_instances, limits.idle_timeout) = (1, SHORT))
            .serve(guest("streams"))
            .await;
        let mut wire = served.connect().await;
        wire.send("HEAD /endless HTTP/1.1\r\nhost: a\r\n\r\n").await;
        wire.receive_head().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    /// Its client may take the rest of its answer as slowly as the server allows, and it holds no instance meanwhile.
    async fn a_guest_that_has_ended_in_time_is_not_ended_again(server) {
        let served = server
            .limits(|limits| limits.min_request_data_rate = None)
            .sandbox_limits(|limits| (limits.max_instances, limits.idle_timeout) = (1, AMPLE))
            .serve(guest("streams"))
            .await;
        let mut slow = served.connect().await;
        slow.send(get("/large")).await;
        let head = slow.receive_head().await;
        // An exchange that is silent for as long as it may: so the slow one's time for that is over too.
        let mut wire = served.connect().await;
        wire.send("POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        let hanging = wire.receive_head().await;
        wire.expect_reset_mid_body(&hanging).await;
        assert_eq!(slow.receive_chunk().await.as_deref(), Some(&b"first\n"[..]));
        let mut size = 0;
        while let Some(chunk) = slow.receive_chunk().await {
            size += chunk.len();
        }
        assert_eq!((head.status_line.as_str(), size), ("HTTP/1.1 200 OK", 8 << 20));
    }

    async fn nothing_is_granted_to_a_guest(server) {
        let served = server.serve(guest("reaches-out")).await;
        let mut wire = served.connect().await;
        wire.send(get("/")).await;
        let refused = "arguments: 0\nvariables: 0\nfolders: 0\nfile: refused\ntcp: refused\nudp: refused\n\
                       lookup: refused\nhttp: ErrorCode::HttpRequestDenied\n";
        assert_eq!(wire.receive_response().await.text(), refused);
    }

    async fn guests_together_are_refused_more_than_there_is_for_all(server) {
        // On one thread: so one guest has ended when the next begins.
        let engine = engine_with(|config| (config.max_grown_memory, config.background_threads) = (8 << 20, 0));
        let served = server.serve(guest_of(&engine, "hogs-memory")).await;
        let mut wire = served.connect().await;
        // What one has taken is there for the next.
        for _ in 0..3 {
            wire.send(get("/politely")).await;
            let got: usize = wire.receive_response().await.text().trim().parse().expect("it tells a number");
            assert!((6..=8).contains(&got), "{got} MiB of 8");
            wire.send(get("/")).await;
            let refusal = wire.receive_response().await;
            assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
            assert_eq!((refusal.field("retry-after"), refusal.text()), (Some("1"), ""));
        }
    }

    async fn a_guest_that_hogs_memory_is_refused_it(server) {
        let served = server.sandbox_limits(|limits| limits.max_memory = 16 << 20).serve(guest("hogs-memory")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/politely") + &get("/politely")).await;
        wire.expect(&fault("500 Internal Server Error")).await;
        for _ in 0..2 {
            // The stack, the globals and the allocator's own share leave a little less than the limit.
            let response = wire.receive_response().await;
            let mebibytes: usize = response.text().trim_end().parse().expect("the guest answers with a number");
            assert!((8..16).contains(&mebibytes), "of 16 MiB it got {mebibytes}");
        }
    }

    async fn what_a_guest_prints_is_not_its_answer(server) {
        let served = server.serve(guest("chats")).await;
        let mut wire = served.connect().await;
        wire.send(get("/") + &get("/")).await;
        wire.expect(&ok("said a lot\n")).await;
        wire.expect(&ok("said a lot\n")).await;
    }

    async fn more_exchanges_than_instances_are_answered_503(server) {
        let change = |limits: &mut windhover_sandbox::SandboxLimits| (limits.max_instances, limits.max_queue) = (1, 0);
        let served = server.sandbox_limits(change).serve(guest("streams")).await;
        let (mut working, mut refused) = (served.connect().await, served.connect().await);
        working.send("POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        working.receive_head().await;
        refused.send(get("/empty")).await;
        let busy = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\ndate: …\r\n\r\n";
        refused.expect(busy).await;
        working.send("go").await;
        working.expect("6\r\nfirst\n\r\n0\r\n\r\n").await;
        refused.send(get("/empty")).await;
        assert_eq!(refused.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    async fn an_exchange_waits_for_an_instance_only_so_long(server) {
        let change = |limits: &mut windhover_sandbox::SandboxLimits| {
            (limits.max_instances, limits.queue_timeout) = (1, SHORT);
        };
        let served = server.sandbox_limits(change).serve(guest("streams")).await;
        let (mut working, mut waiting) = (served.connect().await, served.connect().await);
        working.send("POST /flushed HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n").await;
        working.receive_head().await;
        waiting.send(get("/empty")).await;
        assert_eq!(waiting.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
    }

    async fn exchanges_that_find_no_instance_wait_for_their_turn(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("rust-hello")).await;
        let mut wires = Vec::new();
        for _ in 0..20 {
            let mut wire = served.connect().await;
            wire.send(get("/")).await;
            wires.push(wire);
        }
        for wire in &mut wires {
            wire.expect(HELLO).await;
        }
    }
}

/// In HTTP/1.0 the end of the connection is the end of the content, so half an answer must not end like a whole one.
#[tokio::test]
async fn half_an_answer_in_http_1_0_ends_in_a_reset() {
    let served = TestServer::http().serve(guest("traps")).await;
    let address = served.addresses()[0].trim_start_matches("http://");
    let mut client = TcpStream::connect(address).await.expect("the server accepts connections");
    client.write_all(b"GET /late HTTP/1.0\r\n\r\n").await.expect("the server reads");
    let mut received = Vec::new();
    let end = bounded("the end of the connection", client.read_to_end(&mut received)).await;
    assert_eq!(end.expect_err("the answer is cut off").kind(), ErrorKind::ConnectionReset);
}

/// A limit within which a guest ends that does nothing slow, even on a machine that is busy with all the other tests.
const AMPLE: Duration = Duration::from_secs(2);

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);
