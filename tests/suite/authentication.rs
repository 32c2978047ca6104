//! The user that the server has authenticated.

use std::sync::Arc;

use windhover_contract::User;
use windhover_tests::{TestServer, for_each_server};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn nobody_is_a_value(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            // What a client claims is not what the server has found out.
            wire.send("GET /authentication HTTP/1.1\r\nhost: a\r\nauthorization: Basic YTpi\r\n\r\n").await;
            wire.expect(&ok("nobody\n")).await;
            wire.send(get("/variables?REMOTE_USER,AUTH_TYPE")).await;
            wire.expect(&ok("REMOTE_USER=(none)\nAUTH_TYPE=(none)\n")).await;
        }
    }
}

#[tokio::test]
async fn a_user_that_the_server_knows_is_told() {
    let user = Arc::new(User { name: "DOMAIN\\ada".into(), method: "negotiate".into() });
    for guest in in_every_world() {
        let served = TestServer::memory_with(|facts| facts.user = Some(Arc::clone(&user))).serve(guest).await;
        let mut wire = served.connect().await;
        wire.send(get("/authentication")).await;
        wire.expect(&ok("DOMAIN\\ada by negotiate\n")).await;
        wire.send(get("/variables?REMOTE_USER,AUTH_TYPE")).await;
        wire.expect(&ok("REMOTE_USER=DOMAIN\\ada\nAUTH_TYPE=negotiate\n")).await;
    }
}
