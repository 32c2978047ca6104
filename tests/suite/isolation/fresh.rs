//! What a fresh instance must not know: whatever another exchange has left, wherever, and however it ended.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use windhover_sandbox::{Guest, Reuse};
use windhover_tests::{Served, engine, for_each_server, guest};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn memory_is_as_in_the_beginning_however_another_exchange_ended(server) {
        for guest in marking() {
            let served = server.clone().sandbox_limits(|limits| limits.timeout = SHORT).serve(guest).await;
            let fresh = look(&served).await;
            assert!(fresh.state.starts_with("0 marks, data 7, "), "{}", fresh.state);
            for pattern in ["few", "regions", "much"] {
                for (end, answer) in [
                    ("answer", "200 OK"),
                    ("trap", "500 Internal Server Error"),
                    ("exit", "500 Internal Server Error"),
                    ("wait", "504 Gateway Timeout"),
                ] {
                    let mut wire = served.connect().await;
                    wire.send(get(&format!("/marks/{pattern}/{end}"))).await;
                    assert_eq!(wire.receive_response().await.status_line, format!("HTTP/1.1 {answer}"), "{pattern} {end}");
                    assert_eq!(look(&served).await.state, fresh.state, "after {pattern}, {end}");
                }
            }
        }
    }

    async fn memory_is_as_in_the_beginning_when_the_client_has_left(server) {
        for guest in marking() {
            let served = server.clone().serve(guest).await;
            let fresh = look(&served).await;
            for _ in 0..3 {
                let mut wire = served.connect().await;
                wire.send(get("/marks/much/wait-late")).await;
                wire.receive_head().await;
                wire.leave();
                for _ in 0..3 {
                    assert_eq!(look(&served).await.state, fresh.state);
                }
            }
        }
    }

    /// So the tests above look where marks are.
    async fn an_instance_that_is_reused_finds_its_marks(server) {
        for guest in marking() {
            let served = server.clone().sandbox_limits(|limits| limits.reuse = Reuse::serial()).serve(guest).await;
            let mut wire = served.connect().await;
            for (pattern, marks) in [("few", 3), ("regions", 64)] {
                wire.send(get(&format!("/marks/{pattern}/answer")) + &get("/marks/look")).await;
                wire.expect(&ok("left\n")).await;
                let response = wire.receive_response().await;
                let found = response.text();
                let (count, rest) = found.split_once(" marks, ").expect("it is what the guest found");
                assert!(count.parse::<usize>().expect("it is a number") >= marks * 512, "{pattern}: {found}");
                assert!(rest.starts_with("data 8, "), "{found}");
            }
        }
    }

    async fn globals_and_tables_are_as_in_the_beginning(server) {
        let served = server.clone().serve(with_table()).await;
        let mut wire = served.connect().await;
        wire.send(get("/").repeat(3)).await;
        for _ in 0..3 {
            wire.expect(&ok("004")).await;
        }
        let served = server.sandbox_limits(|limits| limits.reuse = Reuse::serial()).serve(with_table()).await;
        let mut wire = served.connect().await;
        wire.send(get("/").repeat(2)).await;
        wire.expect(&ok("004")).await;
        wire.expect(&ok("116")).await; // it looks where they are
    }

    async fn random_numbers_are_never_those_of_another_and_the_time_is_that_of_the_host(server) {
        for guest in marking() {
            let served = server.clone().serve(guest).await;
            let mut numbers = HashSet::new();
            for _ in 0..16 {
                let begin = now();
                let fresh = look(&served).await;
                assert!((begin..=now()).contains(&fresh.time), "{begin} {}", fresh.time);
                assert!(numbers.insert(fresh.random));
            }
        }
    }
}

/// What a fresh instance finds.
struct Fresh {
    /// The same for each, as long as nothing of another is there.
    state: String,
    time: u64,
    random: String,
}

async fn look(served: &Served) -> Fresh {
    let mut wire = served.connect().await;
    wire.send(get("/marks/look")).await;
    let response = wire.receive_response().await;
    let (state, rest) = response.text().trim_end().split_once(", time ").expect("the guest tells the time");
    let (time, random) = rest.split_once(", random ").expect("the guest tells a number");
    Fresh { state: state.into(), time: time.parse().expect("it is a number"), random: random.into() }
}

/// Guests that leave marks: of every world, and with memories of every kind.
fn marking() -> [Guest; 4] {
    let [application, wasi, wasi3] = in_every_world();
    [application, wasi, wasi3, guest("marks-with-data")]
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}

/// Answers with its global, its table's second element and its table's size, and then changes all three.
fn with_table() -> Guest {
    Guest::from_bytes(engine(), WITH_TABLE.as_bytes(), Path::new("with-table.wat"), None).expect("it is a guest")
}

const WITH_TABLE: &str = r#"(component
    (import "windhover:http/response@0.1.0" (instance $response
        (type $variant (variant
            (case "already-started") (case "not-started") (case "invalid-status" u16) (case "invalid-field" string)
            (case "forbidden-field" string) (case "content-not-allowed") (case "content-length-mismatch")
            (case "trailers-not-possible") (case "undeclared-trailer" string) (case "aborted")))
        (export "error" (type $error (eq $variant)))
        (export "send" (func
            (param "status" u16) (param "fields" (list (tuple string (list u8)))) (param "content" (list u8))
            (result (result (error $error)))))))
    (core module $libc
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
    (core instance $libc (instantiate $libc))
    (core func $send
        (canon lower (func $response "send") (memory (core memory $libc "memory"))
            (realloc (core func $libc "realloc"))))
    (core module $guest
        (import "libc" "memory" (memory 1))
        (import "host" "send" (func $send (param i32 i32 i32 i32 i32 i32)))
        (global $global (mut i32) (i32.const 48))
        (table $table 4 funcref)
        (func $mark)
        (elem declare func $mark)
        (func (export "handle")
            (i32.store8 (i32.const 0) (global.get $global))
            (i32.store8 (i32.const 1) (i32.sub (i32.const 49) (ref.is_null (table.get $table (i32.const 1)))))
            (i32.store8 (i32.const 2) (i32.add (i32.const 48) (table.size $table)))
            (call $send (i32.const 200) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 3) (i32.const 64))
            (global.set $global (i32.const 49))
            (table.set $table (i32.const 1) (ref.func $mark))
            (drop (table.grow $table (ref.func $mark) (i32.const 2)))))
    (core instance $host (export "send" (func $send)))
    (core instance $guest (instantiate $guest (with "libc" (instance $libc)) (with "host" (instance $host))))
    (func (export "handle") (canon lift (core func $guest "handle"))))"#;

/// For guests that are to run out of it.
const SHORT: Duration = Duration::from_millis(300);
