//! What a guest adds to the record of its exchange. That it is in the log, the command line's tests show.

use windhover_tests::for_each_server;

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn tags_are_taken_within_their_bounds(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            let long = "x".repeat(65);
            for (tag, outcome) in [
                ("order.kind=gift", "Ok(())"),
                ("=x", r#"Err("invalid-name")"#),
                ("a/b=x", r#"Err("invalid-name")"#),
                (&format!("{long}=x"), r#"Err("invalid-name")"#),
                ("a=LONG", r#"Err("value-too-long")"#),
            ] {
                wire.send(get(&format!("/telemetry?{tag}"))).await;
                wire.expect(&ok(&format!("{outcome}\n"))).await;
            }
            wire.send(get("/many-tags")).await;
            wire.expect(&ok("16 of 17, and again true\n")).await;
        }
    }
}
