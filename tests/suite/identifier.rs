//! What an exchange is called, and the trace that it is part of.

use std::collections::BTreeSet;

use windhover_tests::for_each_server;

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn every_exchange_has_an_id_of_its_own_that_begins_with_its_connections(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let (mut first, mut second) = (served.connect().await, served.connect().await);
            let mut ids = Vec::new();
            for wire in [&mut first, &mut second] {
                for _ in 0..2 {
                    wire.send(get("/identifier")).await;
                    ids.push(wire.receive_response().await.text().trim_end().to_owned());
                }
            }
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), 4, "{ids:?}");
            let connection = |id: &str| id.rsplit_once(':').expect("a number stands at the end").0.to_owned();
            assert_eq!((connection(&ids[0]), connection(&ids[2])), (connection(&ids[1]), connection(&ids[3])));
            assert_ne!(connection(&ids[0]), connection(&ids[2]));
        }
    }

    async fn a_trace_context_is_taken_in_and_a_malformed_one_is_not(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            wire.send(format!(
                "GET /trace HTTP/1.1\r\nhost: a\r\ntraceparent: {parent}\r\ntracestate: a=1\r\ntracestate: b=2\r\n\r\n"
            ))
            .await;
            wire.expect(&ok("0af7651916cd43dd8448eb211c80319c b7ad6b7169203331 1 a=1,b=2\n")).await;
            for none in [
                get("/trace"),
                format!("GET /trace HTTP/1.1\r\nhost: a\r\ntraceparent: {}\r\n\r\n", &parent[1..]),
                format!("GET /trace HTTP/1.1\r\nhost: a\r\ntraceparent: {parent}\r\ntraceparent: {parent}\r\n\r\n"),
            ] {
                wire.send(none).await;
                wire.expect(&ok("none\n")).await;
            }
        }
    }
}
