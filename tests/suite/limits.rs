//! The limits of an exchange, as a guest is told of them and changes them. What each is worth is in `limit_*.rs`.

use std::time::Duration;

use windhover_contract::Limits;
use windhover_tests::{for_each_server, guest};

use crate::{fault, get, in_every_world, ok, post};

for_each_server! {
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

    async fn what_bounds_the_content_stands_once_it_is_read(server) {
        let served = server.serve(guest("uses-features")).await;
        let mut wire = served.connect().await;
        wire.send(post("/limits/late", "123")).await;
        wire.expect(&ok("Some(1) Err(\"too-late\") Err(\"too-late\") true\n")).await;
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

#[test]
fn the_limits_are_on_by_default() {
    let limits = Limits::default();
    assert!(
        limits.max_request_body_size.is_some()
            && limits.min_request_data_rate.is_some()
            && limits.min_response_data_rate.is_some()
    );
}

/// The time of a guest is not the server's: no test can advance it.
const SHORT: Duration = Duration::from_millis(100);
