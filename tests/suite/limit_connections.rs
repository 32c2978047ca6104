//! How many connections there may be, and how many of them may have become something else.

use std::num::NonZeroUsize;

use windhover_contract::Limits;
use windhover_tests::{for_each_server, guest};

use crate::{HELLO, get};

for_each_server! {
    async fn one_connection_more_than_allowed_is_answered_503_and_the_next_is_served_when_one_has_gone(server) {
        let served = server.workers(2).limits(|limits| limits.max_connections = NonZeroUsize::new(1)).serve(guest("rust-hello")).await;
        let mut first = served.connect().await;
        first.send(get("/")).await;
        first.expect(HELLO).await;
        let mut second = served.connect().await;
        second.send(get("/")).await;
        let refusal = second.receive_response().await;
        assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(refusal.fields, ["connection: close", "content-length: 0", "retry-after: 1"]);
        second.expect_closed().await;
        first.send("GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await;
        first.receive_response().await;
        first.expect_closed().await;
        // The place is given back a moment after the client has seen the end.
        loop {
            let mut third = served.connect().await;
            let _ = third.try_send(get("/")).await;
            if third.receive_response().await.status_line == "HTTP/1.1 200 OK" {
                break;
            }
        }
    }

    async fn upgraded_connections_are_counted_apart(server) {
        let change = |limits: &mut Limits| (limits.max_connections, limits.max_upgraded_connections) = (NonZeroUsize::new(1), NonZeroUsize::new(1));
        let served = server.workers(2).limits(change).serve(guest("uses-features")).await;
        let ask = "GET /upgrade/echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        let mut upgraded = served.connect().await;
        upgraded.send(ask).await;
        assert_eq!(upgraded.receive_head().await.status_line, "HTTP/1.1 101 Switching Protocols");
        // The one that is upgraded is in nobody's way, but there may not be two.
        let mut second = served.connect().await;
        second.send(ask.to_owned() + &get("/upgrade/requested")).await;
        assert_eq!(second.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!(second.receive_response().await.text(), "[]\n");
        upgraded.send("still here").await;
        upgraded.expect("still here").await;
    }
}
