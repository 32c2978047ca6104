//! The end of a stream with an error code.

use windhover_tests::{TestServer, for_each_server};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn http_1_has_no_error_codes_and_says_so(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/reset?8") + &get("/reset?8")).await;
            wire.expect(&ok("possible: false, Err(\"not-possible\")\n")).await;
            wire.expect(&ok("possible: false, Err(\"not-possible\")\n")).await;
        }
    }
}

#[tokio::test]
async fn a_reset_ends_the_exchange_without_an_answer() {
    for guest in in_every_world() {
        let served = TestServer::memory_with(|facts| facts.has_reset = true).serve(guest).await;
        let mut wire = served.connect().await;
        wire.send(get("/reset?8")).await;
        wire.expect_closed().await;
    }
}
