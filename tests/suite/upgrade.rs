//! Another protocol on the connection.

use std::time::Duration;

use windhover_tests::{Framing, for_each_server};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn bytes_go_both_ways_after_the_switch(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            // The client need not wait for the answer before it speaks.
            wire.send(asking("echo") + "first").await;
            wire.expect(SWITCH).await;
            wire.expect("first").await;
            wire.send("second").await;
            wire.expect("second").await;
            wire.send("quit").await;
            wire.expect("bye").await;
            wire.expect_closed().await;
        }
    }

    async fn a_client_that_ends_its_side_is_seen_to_and_may_still_be_answered(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(asking("echo")).await;
            wire.expect(SWITCH).await;
            wire.finish().await;
            wire.expect("bye").await;
            wire.expect_closed().await;
        }
    }

    async fn more_than_every_buffer_passes_through(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(asking("echo")).await;
            wire.expect(SWITCH).await;
            for turn in 0..64_u8 {
                let piece = vec![turn; 65_536];
                wire.send(&piece).await;
                assert!(wire.receive_exactly(piece.len(), "what was sent").await == piece, "the bytes come back");
            }
            wire.send("quit").await;
            wire.expect("bye").await;
        }
    }

    async fn what_the_client_asks_for_is_told(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            let ask = |fields: &str| format!("POST /upgrade/requested HTTP/1.1\r\nhost: a\r\n{fields}\r\n");
            for (request, told) in [
                (ask("connection: upgrade\r\nupgrade: Echo/2, websocket\r\nupgrade: x\r\n"), r#"["Echo/2", "websocket", "x"]"#),
                (ask("connection: keep-alive, Upgrade\r\nupgrade: x\r\n"), r#"["x"]"#),
                (ask(""), "[]"),
                // With content it is not asked for, as in Kestrel.
                (ask("connection: upgrade\r\nupgrade: echo\r\ncontent-length: 1\r\n") + "x", "[]"),
            ] {
                wire.send(request).await;
                wire.expect(&ok(&format!("{told}\n"))).await;
            }
            let mut old = served.connect().await;
            old.send("GET /upgrade/requested HTTP/1.0\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n").await;
            assert_eq!(old.receive_response().await.text(), "[]\n");
        }
    }

    /// RFC 9110 §7.8: who is in between and passes on what it does not know must not become a tunnel.
    async fn an_upgrade_that_is_no_option_of_the_connection_is_not_asked_for(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for options in ["", "connection: keep-alive\r\n", "connection: upgraded\r\n"] {
                let path = "GET /upgrade/accept-another";
                wire.send(format!("{path} HTTP/1.1\r\nhost: a\r\n{options}upgrade: another\r\n\r\n")).await;
                wire.expect(&ok("Err(Error::NotRequested)\n")).await;
            }
        }
    }

    /// What follows a 101 is no content, which HEAD would not have.
    async fn the_method_does_not_matter(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            for method in ["HEAD", "OPTIONS", "POST"] {
                let mut wire = served.connect().await;
                wire.send(asking("echo").replace("GET", method) + "first").await;
                wire.expect(SWITCH).await;
                wire.expect("first").await;
            }
        }
    }

    async fn a_guest_may_decline_and_the_connection_goes_on(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            let decline = asking("echo").replace("/echo", "/decline");
            wire.send(decline.clone() + &decline + &get("/upgrade/requested")).await;
            wire.expect(&ok("no, thank you\n")).await;
            wire.expect(&ok("no, thank you\n")).await;
            wire.expect(&ok("[]\n")).await;
        }
    }

    async fn what_cannot_be_accepted_is_refused(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for (path, error) in [
                ("accept-another", "Err(Error::NotRequested)"),
                ("with-length", "Err(Error::Response(Error::ForbiddenField(\"content-length\")))"),
                ("unaccepted", "(Err(Error::NotAccepted), Err(Error::NotAccepted))"),
            ] {
                wire.send(asking("echo").replace("/echo", &format!("/{path}"))).await;
                wire.expect(&ok(&format!("{error}\n"))).await;
            }
            wire.send(asking("echo").replace("/echo", "/late")).await;
            let late = wire.receive_response().await;
            assert_eq!(late.text(), "Err(Error::Response(Error::AlreadyStarted))\n");
            let unasked = get("/upgrade/accept-another");
            let mut wire = served.connect().await;
            wire.send(unasked).await;
            wire.expect(&ok("Err(Error::NotRequested)\n")).await;
        }
    }

    async fn after_the_switch_there_is_no_request_and_no_response(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(asking("echo").replace("/echo", "/mistakes")).await;
            wire.expect(SWITCH).await;
            wire.expect(
                "Err(Error::NotRequested) Err(\"taken\") Err(Error::AlreadyStarted) Err(Error::NotStarted) true\n",
            )
            .await;
        }
    }

    async fn a_guest_that_traps_after_the_switch_ends_the_connection(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(asking("echo").replace("/echo", "/traps")).await;
            let head = wire.receive_head().await;
            assert_eq!((head.status_line.as_str(), head.framing), ("HTTP/1.1 101 Switching Protocols", Framing::None));
            wire.expect("begun").await;
            wire.expect_closed().await;
        }
    }

    /// Its time is over although the server waits to write, and so asks the guest for nothing.
    async fn a_client_that_takes_nothing_is_let_go_when_the_time_is_over(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.timeout, limits.max_timeout) = (SHORT, SHORT);
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut deaf = served.connect().await;
            deaf.send(asking("echo")).await;
            let piece = vec![b'x'; 65_536];
            while deaf.try_send(&piece).await.is_ok() {}
        }
    }

    /// The instance is free again for the next.
    async fn a_client_that_leaves_ends_the_guest(server) {
        for guest in in_every_world() {
            let served = server.clone().sandbox_limits(|limits| limits.max_instances = 1).serve(guest).await;
            let mut leaving = served.connect().await;
            leaving.send(asking("echo")).await;
            leaving.expect(SWITCH).await;
            leaving.leave();
            let mut wire = served.connect().await;
            wire.send(get("/upgrade/requested")).await;
            wire.expect(&ok("[]\n")).await;
        }
    }
}

fn asking(protocol: &str) -> String {
    format!("GET /upgrade/echo HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: {protocol}\r\n\r\n")
}

/// Long enough to fill every buffer.
const SHORT: Duration = Duration::from_secs(2);

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    x-more: yes\r\n\
    upgrade: echo\r\n\
    connection: upgrade\r\n\
    date: …\r\n\
    \r\n";
