//! The time that a connection may idle, before its first exchange and after each.

use std::time::Duration;

use windhover_tests::{Hold, bounded, for_each_server, guest};

use crate::{HELLO, SECOND, get};

for_each_server! {
    async fn a_connection_that_never_brings_a_request_is_closed_without_a_word(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        served.almost_reach(TIME).await;
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        wire.expect_closed().await;
    }

    async fn a_connection_is_closed_without_a_word_when_it_has_idled_so_long_since_its_last_exchange(server) {
        let served = server.with_test_clock().serve(guest("rust-hello")).await;
        let mut wire = served.connect().await;
        for _ in 0..3 {
            served.almost_reach(TIME).await;
            wire.send(get("/")).await;
            wire.expect(HELLO).await;
        }
        served.almost_reach(TIME).await;
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        wire.expect_closed().await;
    }

    /// The time between exchanges does not run in one, and begins anew with its end.
    async fn an_exchange_may_take_longer_than_a_connection_may_idle(server) {
        let (served, hold) = Hold::serve(server.with_test_clock()).await;
        let mut wire = served.connect().await;
        for _ in 0..2 {
            wire.send(get("/")).await;
            bounded("the request to arrive", hold.begun.notified()).await;
            served.clock().jump(10 * TIME);
            served.expect_nothing_yet(&mut wire).await;
            hold.release.notify_one();
            assert_eq!(wire.receive_response().await.text(), "held\n");
        }
        served.almost_reach(TIME).await;
        served.expect_nothing_yet(&mut wire).await;
        served.advance(SECOND).await;
        wire.expect_closed().await;
    }
}

/// By default.
const TIME: Duration = Duration::from_secs(130);
