//! Messages both ways over a WebSocket, and what becomes of clients that break its rules.

use std::time::Duration;

use windhover_tests::frames::{BINARY, CONTINUATION, PING, PONG, TEXT};
use windhover_tests::{Frame, Served, Wire, for_each_server};

use crate::{get, in_every_world, ok};

for_each_server! {
    /// RFC 6455 §1.3, whose example this key is.
    async fn the_handshake_is_answered_and_messages_come_back(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "accept").await;
            wire.send_frame(Frame::text("grüße")).await;
            wire.expect_text("grüße").await;
            for size in [0, 125, 126, 65_535, 65_536, 300_000] {
                let data: Vec<u8> = (0..size).map(|byte: u32| byte as u8).collect();
                wire.send_frame(Frame::binary(&data)).await;
                assert!(wire.receive_frame().await == (BINARY, data), "{size} bytes come back");
            }
            wire.send_frame(Frame::close(1000, "done")).await;
            wire.expect_close(1000).await;
            wire.expect_closed().await;
        }
    }

    async fn a_message_in_fragments_is_one_message(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "accept").await;
            wire.send_frame(Frame::text("on").unfinished()).await;
            // Control frames may come between them (RFC 6455 §5.4).
            wire.send_frame(Frame::new(PING, "are you there?")).await;
            assert_eq!(wire.receive_frame().await, (PONG, b"are you there?".to_vec()));
            wire.send_frame(Frame::new(CONTINUATION, "").unfinished()).await;
            wire.send_frame(Frame::new(CONTINUATION, "e")).await;
            wire.expect_text("one").await;
            // A character may be cut in two.
            wire.send_frame(Frame::new(TEXT, [0xc3]).unfinished()).await;
            wire.send_frame(Frame::new(CONTINUATION, [0xa9])).await;
            wire.expect_text("é").await;
        }
    }

    async fn frames_may_come_byte_by_byte_or_many_at_once(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "accept").await;
            for byte in Frame::text("slowly").bytes() {
                wire.send([byte]).await;
            }
            wire.expect_text("slowly").await;
            wire.send((0..100).flat_map(|number| Frame::text(&number.to_string()).bytes()).collect::<Vec<_>>()).await;
            for number in 0..100 {
                wire.expect_text(&number.to_string()).await;
            }
        }
    }

    async fn a_subprotocol_is_chosen_of_those_that_are_offered(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let offering = |path: &str| handshake(path).replace("\r\n\r\n", "\r\nsec-websocket-protocol: chat, superchat\r\n\r\n");
            let mut wire = served.connect().await;
            wire.send(offering("requested")).await;
            wire.expect(&ok("Some([\"chat\", \"superchat\"])\n")).await;
            wire.send(offering("accept?another")).await;
            wire.expect(&ok("AcceptError::NotOffered\n")).await;
            wire.send(offering("accept?superchat")).await;
            let head = wire.receive_head().await;
            assert_eq!(head.field("sec-websocket-protocol"), Some("superchat"));
            wire.send_frame(Frame::text("hello")).await;
            wire.expect_text("hello").await;
        }
    }

    async fn a_guest_pushes_without_being_asked(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "pushes").await;
            for tick in 0..3 {
                wire.expect_text(&format!("tick {tick}")).await;
            }
            wire.send_frame(Frame::text("and asked")).await;
            wire.expect_text("and asked").await;
        }
    }

    async fn a_guest_waits_for_a_message_and_for_its_time(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "chats").await;
            wire.expect_text("tick 0").await;
            wire.expect_text("tick 1").await;
            wire.send_frame(Frame::text("enough")).await;
            loop {
                match wire.receive_frame().await {
                    (TEXT, text) if text.starts_with(b"tick ") => {}
                    other => break assert_eq!(other, (TEXT, b"enough".to_vec())),
                }
            }
            wire.expect_close(1000).await;
            let mut wire = open(&served, "polls").await;
            wire.expect_text("Event::TimedOut").await;
        }
    }

    async fn a_guest_closes_with_a_code_and_hears_the_clients(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "closes?4321").await;
            let (_, close) = wire.receive_frame().await;
            assert_eq!(close, [&4321_u16.to_be_bytes()[..], b"as the path says"].concat());
            wire.send_frame(Frame::close(4321, "")).await;
            wire.expect_closed().await;
            for code in [0, 999, 1004, 1005, 1006, 1015, 2000, 5000] {
                let mut wire = open(&served, &format!("closes?{code}")).await;
                wire.expect_text(r#"Err("invalid-close")"#).await;
            }
            let mut wire = open(&served, "long-reason").await;
            wire.expect_text(r#"Err("invalid-close")"#).await;
        }
    }

    async fn a_guest_that_returns_or_traps_has_its_connection_closed_for_it(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            for (path, code) in [("returns", 1000), ("traps", 1011)] {
                let mut wire = open(&served, path).await;
                wire.expect_close(code).await;
                wire.send_frame(Frame::close(code, "")).await;
                wire.expect_closed().await;
            }
        }
    }

    /// RFC 6455 §7.4.1.
    async fn a_client_that_breaks_the_rules_is_told_which(server) {
        for guest in in_every_world() {
            let server = server.clone().sandbox_limits(|limits| limits.websocket.max_message = 1000);
            let served = server.serve(guest).await;
            for (lie, frames, code) in [
                ("unmasked", vec![Frame::text("x").unmasked()], 1002),
                ("a reserved bit", vec![Frame::text("x").reserved()], 1002),
                ("an unknown opcode", vec![Frame::new(3, "x")], 1002),
                ("an unknown control opcode", vec![Frame::new(11, "")], 1002),
                ("a control frame in fragments", vec![Frame::new(PING, "x").unfinished()], 1002),
                ("a control frame that is too long", vec![Frame::new(PING, [0; 126])], 1002),
                ("a continuation of nothing", vec![Frame::new(CONTINUATION, "x")], 1002),
                ("a new message inside of one", vec![Frame::text("x").unfinished(), Frame::text("y")], 1002),
                ("bad UTF-8", vec![Frame::new(TEXT, [0xff])], 1007),
                ("bad UTF-8 in fragments", vec![Frame::new(TEXT, [0xc3]).unfinished(), Frame::new(CONTINUATION, "x")], 1007),
                ("a frame that is too large", vec![Frame::binary([0; 1001])], 1009),
                ("a frame that says it is an exabyte", vec![Frame::binary("x").claiming(1 << 60)], 1009),
                ("a message that is too large", vec![Frame::binary([0; 600]).unfinished(), Frame::new(CONTINUATION, [0; 600])], 1009),
                ("a close of one byte", vec![Frame::new(8, "x")], 1002),
                ("a close with bad UTF-8", vec![Frame::new(8, [3, 232, 0xff])], 1007),
                ("a close with a code that is never sent", vec![Frame::close(1005, "")], 1002),
            ] {
                let mut wire = open(&served, "accept").await;
                for frame in frames {
                    wire.send_frame(frame).await;
                }
                let (opcode, payload) = wire.receive_frame().await;
                assert_eq!((opcode, payload.get(..2)), (8, Some(&u16::to_be_bytes(code)[..])), "for {lie}");
                wire.expect_closed().await;
            }
            let mut wire = open(&served, "accept").await;
            wire.send_frame(Frame::binary([7; 1000])).await;
            assert_eq!(wire.receive_frame().await, (BINARY, vec![7; 1000]));
        }
    }

    async fn a_client_that_is_silent_is_pinged_and_one_that_stays_silent_is_given_up(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.max_instances, limits.websocket.keep_alive) = (1, Duration::from_millis(50));
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut wire = open(&served, "accept").await;
            for _ in 0..3 {
                assert_eq!(wire.receive_frame().await, (PING, Vec::new()));
                wire.send_frame(Frame::new(PONG, "")).await;
            }
            assert_eq!(wire.receive_frame().await, (PING, Vec::new()));
            wire.expect_closed().await;
            let mut next = served.connect().await;
            next.send(get("/websocket/requested")).await;
            next.expect(&ok("None\n")).await;
        }
    }

    /// What it would have to be answered is held in memory: so nothing more is taken from it.
    async fn a_client_that_pings_without_end_and_takes_no_pong_is_not_read_any_more(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = open(&served, "accept").await;
            let pings: Vec<u8> = (0..1000).flat_map(|_| Frame::new(PING, [0; 125]).bytes()).collect();
            assert!(wire.send_until_stuck(&pings, 64 << 20).await < 64 << 20, "the server takes pings without end");
        }
    }

    /// Its instance is free again for the next.
    async fn a_client_that_leaves_ends_the_guest(server) {
        for guest in in_every_world() {
            let served = server.clone().sandbox_limits(|limits| limits.max_instances = 1).serve(guest).await;
            for close in [true, false] {
                let mut wire = open(&served, "accept").await;
                if close {
                    wire.send_frame(Frame::new(8, "")).await;
                }
            }
            let mut next = served.connect().await;
            next.send(get("/websocket/requested")).await;
            next.expect(&ok("None\n")).await;
        }
    }

    /// It asks for the next message again and again, and is at once told of the close: for an hour, if the time of a connection
    /// were still its own.
    async fn a_guest_that_ignores_the_close_has_the_usual_time(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.max_instances, limits.timeout) = (1, Duration::from_millis(500));
            };
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut wire = open(&served, "ignores-close").await;
            wire.send_frame(Frame::close(1000, "")).await;
            wire.expect_close(1000).await;
            let mut next = served.connect().await;
            next.send(get("/websocket/requested")).await;
            next.expect(&ok("None\n")).await;
        }
    }

    async fn what_is_no_handshake_is_not_accepted(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let good = handshake("accept");
            for bad in [
                get("/websocket/accept"),
                good.replace("GET", "POST"),
                good.replace("upgrade: websocket", "upgrade: echo"),
                good.replace("sec-websocket-version: 13\r\n", ""),
                good.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZQ=="),
                good.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=?"),
                good.replace("\r\n\r\n", "\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"),
            ] {
                let mut wire = served.connect().await;
                wire.send(&bad).await;
                wire.expect(&ok("AcceptError::NotRequested\n")).await;
            }
        }
    }

    /// RFC 6455 §4.2.2: the client is told which version is spoken, and may ask anew on the same connection.
    async fn another_version_is_426_with_the_one_that_is_spoken(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            for version in ["12", "8", "0", "14", "013", "13, 8", "", "13\r\nsec-websocket-version: 8"] {
                wire.send(handshake("accept").replace("-version: 13", &format!("-version: {version}"))).await;
                wire.expect(
                    "HTTP/1.1 426 Upgrade Required\r\n\
                     upgrade: websocket\r\n\
                     sec-websocket-version: 13\r\n\
                     connection: upgrade\r\n\
                     content-length: 0\r\n\
                     date: …\r\n\
                     \r\n",
                )
                .await;
            }
            wire.send(handshake("accept")).await;
            assert_eq!(wire.receive_head().await.status_line, "HTTP/1.1 101 Switching Protocols");
        }
    }

    /// Whoever speaks other protocols over an upgrade does so by itself.
    async fn another_version_is_a_guests_affair_that_speaks_no_websocket(server) {
        let served = server.serve(windhover_tests::guest("facts")).await;
        let mut wire = served.connect().await;
        wire.send(handshake("accept").replace("-version: 13", "-version: 12")).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 200 OK");
    }

    async fn calls_out_of_order_are_refused(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(handshake("unaccepted")).await;
            wire.expect(&ok("(Err(\"not-accepted\"), Err(\"not-accepted\"), Err(\"not-accepted\"))\n")).await;
            wire.send(handshake("own-field")).await;
            wire.expect(&ok(
                "Err(AcceptError::Response(Error::ForbiddenField(\"sec-websocket-extensions\")))\n",
            ))
            .await;
            let mut wire = served.connect().await;
            wire.send(handshake("late")).await;
            let late = wire.receive_response().await;
            assert_eq!(late.text(), "Err(AcceptError::Response(Error::AlreadyStarted))\n");
        }
    }

    /// The time limit is that of an exchange with an end; a conversation has the larger one.
    async fn a_conversation_may_last_longer_than_an_exchange(server) {
        for guest in in_every_world() {
            let change = |limits: &mut windhover_sandbox::SandboxLimits| limits.timeout = Duration::from_millis(50);
            let served = server.clone().sandbox_limits(change).serve(guest).await;
            let mut wire = open(&served, "chats").await;
            for tick in 0..10 {
                wire.expect_text(&format!("tick {tick}")).await;
            }
            let change = |limits: &mut windhover_sandbox::SandboxLimits| {
                (limits.timeout, limits.max_timeout) = (Duration::from_millis(50), Duration::from_millis(100));
            };
            let served = server.clone().sandbox_limits(change).serve(windhover_tests::guest("uses-features")).await;
            let mut wire = open(&served, "accept").await;
            wire.expect_closed().await;
        }
    }
}

/// A connection that has become a WebSocket.
async fn open(served: &Served, path: &str) -> Wire {
    let mut wire = served.connect().await;
    wire.send(handshake(path)).await;
    let head = wire.receive_head().await;
    assert_eq!(head.status_line, "HTTP/1.1 101 Switching Protocols");
    for (name, value) in
        [("connection", "upgrade"), ("upgrade", "websocket"), ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]
    {
        assert_eq!(head.field(name), Some(value), "{head}");
    }
    wire
}

fn handshake(path: &str) -> String {
    format!(
        "GET /websocket/{path} HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    )
}
