//! How long an app may take: to the head of its answer, for what comes behind it, and in all. The time of a guest is not
//! the server's, so no test can advance it: another exchange that uses all of its own tells that it has passed.

use std::time::Duration;

use windhover_sandbox::{Guest, SandboxLimits};
use windhover_tests::{Served, for_each_server, guest};

use crate::{fault, get};

for_each_server! {
    /// Its client is as fast as it must be, so what is waited for it is not the guest's time.
    async fn an_upload_may_take_longer_than_a_head(server) {
        for app in apps() {
            let served = server.clone().sandbox_limits(|limits| limits.timeout = SHORT).serve(app.guest).await;
            let mut slow = served.connect().await;
            slow.send(format!("POST {} HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc", app.sum)).await;
            let_time_pass(&served, app.never).await;
            slow.send("def").await;
            let answer = slow.receive_response().await;
            assert_eq!((answer.status_line.as_str(), &answer.text()[..1]), ("HTTP/1.1 200 OK", "6"), "{}", app.sum);
        }
    }

    /// Where the client may be as slow as it likes, nothing but the guest's own time ends that.
    async fn an_upload_of_a_client_without_a_least_rate_takes_the_guests_time(server) {
        let server = server.limits(|limits| limits.min_request_data_rate = None);
        for app in apps() {
            let served = server.clone().sandbox_limits(|limits| limits.timeout = SHORT).serve(app.guest).await;
            let mut slow = served.connect().await;
            slow.send(format!("POST {} HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabc", app.sum)).await;
            assert_eq!(slow.receive_response().await.status_line, "HTTP/1.1 504 Gateway Timeout", "{}", app.sum);
        }
    }

    async fn a_download_may_take_longer_than_a_head_and_than_silence(server) {
        for app in apps() {
            let change = |limits: &mut SandboxLimits| (limits.timeout, limits.idle_timeout) = (AMPLE, AMPLE);
            let served = server.clone().sandbox_limits(change).serve(app.guest).await;
            let mut slow = served.connect().await;
            slow.send(get(app.large)).await;
            let_time_pass(&served, app.never).await;
            assert_eq!(slow.receive_response().await.content.len(), 8 << 20, "{}", app.large);
        }
    }

    async fn what_comes_over_time_may_go_on_for_longer_than_a_head_may_take(server) {
        for app in apps() {
            let served = server.clone().sandbox_limits(|limits| limits.timeout = SHORT).serve(app.guest).await;
            let mut wire = served.connect().await;
            wire.send(get(app.ticks)).await;
            assert_eq!(wire.receive_response().await.text(), "tick\n".repeat(5), "{}", app.ticks);
        }
    }

    async fn a_guest_that_falls_silent_after_its_head_is_ended(server) {
        for app in apps() {
            let change = |limits: &mut SandboxLimits| (limits.max_instances, limits.idle_timeout) = (1, SHORT);
            let served = server.clone().sandbox_limits(change).serve(app.guest).await;
            let mut wire = served.connect().await;
            wire.send(get(app.silent)).await;
            let head = wire.receive_head().await;
            wire.expect("6\r\nbegun\n\r\n").await;
            wire.expect_reset_mid_body(&head).await;
            let mut next = served.connect().await;
            next.send(get(app.works)).await;
            assert_eq!(next.receive_response().await.text(), "done\n", "{}", app.works);
        }
    }

    /// Whatever it works on, its client has heard all. The one instance is free again for the next.
    async fn a_guest_that_works_on_after_its_answer_is_ended(server) {
        for app in apps() {
            let change = |limits: &mut SandboxLimits| (limits.max_instances, limits.idle_timeout) = (1, SHORT);
            let served = server.clone().sandbox_limits(change).serve(app.guest).await;
            for _ in 0..2 {
                let mut wire = served.connect().await;
                wire.send(get(app.works)).await;
                assert_eq!(wire.receive_response().await.text(), "done\n", "{}", app.works);
            }
        }
    }

    async fn an_answer_has_a_time_in_all_where_that_is_wanted(server) {
        for app in apps() {
            let change = |limits: &mut SandboxLimits| limits.answer_timeout = Some(SHORT);
            let served = server.clone().sandbox_limits(change).serve(app.guest).await;
            let mut wire = served.connect().await;
            wire.send(get(app.never)).await;
            wire.expect(&fault("504 Gateway Timeout")).await;
            wire.send(get(app.ticks)).await;
            let head = wire.receive_head().await;
            wire.expect_reset_mid_body(&head).await;
        }
    }

    /// There is always more, and the client takes it.
    async fn an_answer_without_end_is_ended_by_its_time_in_all(server) {
        let served = server.sandbox_limits(|limits| limits.answer_timeout = Some(SHORT)).serve(guest("streams")).await;
        let mut wire = served.connect().await;
        wire.send(get("/endless")).await;
        let head = wire.receive_head().await;
        wire.expect_reset_mid_body(&head).await;
    }

    /// The one instance is free again, though nobody has asked for what it was about to write.
    async fn an_answer_that_nobody_takes_is_ended_by_its_time_in_all(server) {
        let served = server
            .limits(|limits| limits.min_response_data_rate = None)
            .sandbox_limits(|limits| (limits.max_instances, limits.answer_timeout) = (1, Some(SHORT)))
            .serve(guest("streams"))
            .await;
        let mut deaf = served.connect().await;
        deaf.send(get("/endless")).await;
        deaf.receive_head().await;
        let mut wire = served.connect().await;
        wire.send(get("/empty")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    async fn a_guest_that_asks_for_time_may_be_silent_for_as_long(server) {
        let change = |limits: &mut SandboxLimits| (limits.timeout, limits.idle_timeout) = (SHORT, SHORT);
        let served = server.sandbox_limits(change).serve(guest("uses-features")).await;
        let mut silent = served.connect().await;
        silent.send("POST /life/asks-and-reads HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\n").await;
        silent.receive_head().await;
        let_time_pass(&served, "/life/wait?4294967295").await;
        silent.send("x").await;
        silent.expect("1\r\nx\r\n0\r\n\r\n").await;
    }
}

/// An app, and where it does what.
struct App {
    guest: Guest,
    never: &'static str,
    sum: &'static str,
    ticks: &'static str,
    silent: &'static str,
    works: &'static str,
    large: &'static str,
}

/// One of each world.
fn apps() -> [App; 3] {
    let of_wasi = |name| App {
        guest: guest(name),
        never: "/never",
        sum: "/sum",
        ticks: "/ticks",
        silent: "/silent",
        works: "/works",
        large: "/large",
    };
    let own = App {
        guest: guest("uses-features"),
        never: "/life/wait?4294967295",
        sum: "/limits/none",
        ticks: "/life/ticks",
        silent: "/life/told-by-wait",
        works: "/life/works",
        large: "/life/large",
    };
    [own, of_wasi("wasi-waits"), of_wasi("wasi3-waits")]
}

/// Two exchanges that take all the time they have, one after the other: so whatever had begun before them has had more.
async fn let_time_pass(served: &Served, never: &str) {
    let mut wire = served.connect().await;
    for _ in 0..2 {
        wire.send(get(never)).await;
        wire.expect(&fault("504 Gateway Timeout")).await;
    }
}

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);

/// One that a guest which does what it can does not meet, however busy the machine is.
const AMPLE: Duration = Duration::from_millis(300);
