//! The client's leaving, as a guest is told of it, and the breaking off of an exchange. What a guest that does not
//! import `lifetime` meets is in `connection` and `isolation`. What a guest that was told says about it is in the log,
//! and so in the command line's tests.

use std::time::Duration;

use windhover_tests::{for_each_server, guest};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn a_client_that_is_there_has_not_left(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/there") + &get("/life/wait?1")).await;
            wire.expect(&ok("false false\n")).await;
            wire.expect(&ok("false\n")).await;
        }
    }

    async fn the_time_that_is_left_is_within_the_limit(server) {
        for guest in in_every_world() {
            let server = server.clone().sandbox_limits(|limits| limits.timeout = Duration::from_secs(7));
            let served = server.serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/left?7000") + &get("/life/left?0")).await;
            wire.expect(&ok("true\n")).await;
            wire.expect(&ok("false\n")).await;
        }
    }

    /// The one instance is free again for the next: whatever call it was that told the guest.
    async fn a_guest_whose_client_has_left_is_told_and_ends(server) {
        for path in ["told-by-wait", "told-by-write", "told-by-read", "told-before-the-head", "goes-on"] {
            for guest in in_every_world() {
                // Who is not told would hold its instance for longer than this test waits.
                let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                    (limits.max_instances, limits.last_words) = (1, Duration::from_secs(3600));
                    limits.timeout = Duration::from_secs(3600);
                };
                let served = server.clone().sandbox_limits(change).serve(guest).await;
                let mut leaving = served.connect().await;
                let content = if path == "told-by-read" { 1 } else { 0 };
                let request = format!("POST /life/{path} HTTP/1.1\r\nhost: a\r\ncontent-length: {content}\r\n\r\n");
                leaving.send(request).await;
                leaving.receive_head().await;
                leaving.leave();
                let mut wire = served.connect().await;
                wire.send(get("/life/there")).await;
                wire.expect(&ok("false false\n")).await;
            }
        }
    }

    async fn a_guest_learns_that_it_is_shut_down(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/shutting-down") + &get("/life/notice?0") + &get("/life/notice?1")).await;
            wire.expect(&ok("false\n")).await;
            wire.expect(&ok("none\n")).await;
            wire.expect(&ok("none\n")).await;
            let mut waiting = served.connect().await;
            waiting.send(get("/life/until-notice")).await;
            waiting.receive_head().await;
            waiting.expect("6\r\nbegun\n\r\n").await;
            served.shut_guests_down();
            waiting.expect("6\r\nended\n\r\n0\r\n\r\n").await;
            wire.send(get("/life/shutting-down") + &get("/life/notice?0") + &get("/life/notice?3600000")).await;
            wire.expect(&ok("true\n")).await;
            wire.expect(&ok("shutting-down\n")).await;
            wire.expect(&ok("shutting-down\n")).await;
        }
    }

    async fn a_guest_that_waits_for_a_notice_is_told_that_its_client_has_left(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.max_instances, limits.last_words) = (1, Duration::from_secs(3600));
                limits.timeout = Duration::from_secs(3600);
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut leaving = served.connect().await;
            leaving.send(get("/life/until-notice")).await;
            leaving.receive_head().await;
            leaving.leave();
            let mut wire = served.connect().await;
            wire.send(get("/life/there")).await;
            wire.expect(&ok("false false\n")).await;
        }
    }

    async fn a_guest_that_was_told_and_never_ends_is_ended(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.max_instances, limits.last_words) = (1, Duration::from_millis(100));
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut leaving = served.connect().await;
            leaving.send(get("/life/never-ends")).await;
            leaving.receive_head().await;
            leaving.leave();
            let mut wire = served.connect().await;
            wire.send(get("/life/there")).await;
            wire.expect(&ok("false false\n")).await;
        }
    }

    async fn a_guest_that_breaks_off_sends_no_answer(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/abort")).await;
            wire.expect_closed().await;
        }
    }

    async fn a_guest_that_breaks_off_in_the_middle_leaves_no_whole_answer(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/life/abort-late")).await;
            wire.expect_broken_answer().await;
        }
    }

    /// What it would break is the client's next exchange by now.
    async fn a_guest_that_breaks_off_after_its_answer_breaks_nothing(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send("POST /life/abort-after HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n").await;
        wire.expect(&ok("answered\n")).await;
        wire.send("x".to_owned() + &get("/life/there")).await;
        wire.expect(&ok("false false\n")).await;
    }

    /// A guest that was broken off frees its instance.
    async fn breaking_off_frees_the_instance(server) {
        let served = server.sandbox_limits(|limits| limits.max_instances = 1).serve(guest("uses-features")).await;
        let mut broken = served.connect().await;
        broken.send(get("/life/abort")).await;
        broken.expect_closed().await;
        let mut wire = served.connect().await;
        wire.send(get("/life/there")).await;
        wire.expect(&ok("false false\n")).await;
    }
}
