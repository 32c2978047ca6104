//! Interim responses: 1xx before the answer.

use windhover_tests::for_each_server;

use crate::{fault, get, in_every_world, ok};

for_each_server! {
    async fn hints_come_before_the_answer_and_in_their_order(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/interim/hints") + &get("/interim/hints")).await;
            for _ in 0..2 {
                wire.expect("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n").await;
                wire.expect("HTTP/1.1 102 Processing\r\n\r\n").await;
                wire.expect(&ok("after two hints\n")).await;
            }
        }
    }

    /// It goes on in the background then, where no connection is at hand. No time passes, so no alarm helps.
    async fn a_guest_that_has_computed_for_long_hints_as_any_other(server) {
        for guest in in_every_world() {
            let served = server.clone().with_test_clock().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/interim/busy")).await;
            wire.expect("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n").await;
            wire.expect(&ok("after work and a hint\n")).await;
        }
    }

    async fn an_answer_that_was_started_has_no_hints_any_more(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/interim/late")).await;
            assert_eq!(wire.receive_response().await.text(), "Err(Error::AlreadyStarted)\n");
        }
    }

    async fn what_is_no_interim_response_is_refused(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for status in [0, 99, 100, 101, 200, 65535] {
                wire.send(get(&format!("/interim/status?{status}"))).await;
                wire.expect(&ok(&format!("Err(Error::InvalidStatus({status}))\n"))).await;
            }
            for (field, refusal) in [
                ("x=aLFb", "InvalidField(\"x\")"),
                ("a b=c", "InvalidField(\"a b\")"),
                ("connection=close", "ForbiddenField(\"connection\")"),
                ("content-length=0", "ForbiddenField(\"content-length\")"),
            ] {
                wire.send(get(&format!("/interim/field?{}", field.replace(' ', "%20")))).await;
                // The guest does not decode its query, and a percent sign is a token's.
                let refusal = refusal.replace("a b", "a%20b");
                let expected = if refusal.contains('%') { "Ok(())".into() } else { format!("Err(Error::{refusal})") };
                if expected == "Ok(())" {
                    wire.expect("HTTP/1.1 103 Early Hints\r\na%20b: c\r\n\r\n").await;
                }
                wire.expect(&ok(&format!("{expected}\n"))).await;
            }
        }
    }

    /// What the host holds to look at them is bounded by what the guest itself may hold.
    async fn more_fields_than_memory_end_the_guest_and_nobody_else(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/interim/many?10000000") + &get("/interim/many?1000000") + &get("/interim/many?1000")).await;
            wire.expect(&fault("500 Internal Server Error")).await;
            for _ in 0..2 {
                wire.expect(&ok("Err(Error::InvalidField(\"\"))\n")).await;
            }
        }
    }

    /// RFC 9110 §15.2.
    async fn a_client_of_http_1_0_gets_none(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send("GET /interim/possible HTTP/1.0\r\n\r\n").await;
            assert_eq!(wire.receive_response().await.text(), "Err(true)\n");
        }
    }
}
