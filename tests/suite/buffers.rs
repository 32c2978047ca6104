//! What the host holds of content for all guests together has a limit: large answers wait for room, small ones do not,
//! and nobody waits for ever.

use std::time::Duration;

use windhover_sandbox::Engine;
use windhover_tests::frames::{BINARY, CONTINUATION, PING, PONG};
use windhover_tests::{Frame, Served, Wire, engine_with, for_each_server, guest_of};

use crate::{get, ok, post};

for_each_server! {
    async fn a_large_answer_that_finds_no_room_is_503_and_small_ones_go_on(server) {
        let engine = engine();
        let server = server.sandbox_limits(|limits| limits.queue_timeout = SHORT);
        let served = server.serve(guest_of(&engine, "echoes")).await;
        let mut deaf = leave_unread(&served).await;
        let mut wire = served.connect().await;
        wire.send(get("/measure")).await;
        wire.expect(&ok("0 then nothing\n")).await;
        wire.send(all(SMALLER) + &get("/measure")).await;
        let refusal = wire.receive_response().await;
        assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
        assert_eq!((refusal.field("retry-after"), refusal.text()), (Some("1"), ""));
        wire.expect(&ok("0 then nothing\n")).await;
        take(&mut deaf).await;
        // The room is given back a moment after the client has all.
        wire.send(all(SMALLER)).await;
        while refused(&mut wire).await {
            wire.send(all(SMALLER)).await;
        }
    }

    async fn an_answer_that_waits_goes_out_when_there_is_room(server) {
        let engine = engine();
        let served = server.serve(guest_of(&engine, "echoes")).await;
        let mut deaf = leave_unread(&served).await;
        let mut wire = served.connect().await;
        wire.send(all(SMALLER)).await;
        served.expect_nothing_yet(&mut wire).await;
        take(&mut deaf).await;
        assert!(!refused(&mut wire).await);
    }

    async fn room_is_given_back_when_the_client_leaves(server) {
        let engine = engine();
        let served = server.serve(guest_of(&engine, "echoes")).await;
        let deaf = leave_unread(&served).await;
        let mut wire = served.connect().await;
        wire.send(all(SMALLER)).await;
        drop(deaf);
        assert!(wire.receive_response().await.content.len() == SMALLER);
        // Also where it leaves while it waits.
        let deaf = leave_unread(&served).await;
        let mut waiting = served.connect().await;
        waiting.send(all(SMALLER)).await;
        drop((waiting, deaf));
        wire.send(all(SMALLER)).await;
        assert!(wire.receive_response().await.content.len() == SMALLER);
    }

    async fn a_guest_that_has_begun_its_answer_waits_with_the_next_piece(server) {
        let engine = engine();
        // Not even as long as one waits for an instance: the client could not be told to come again.
        let server = server.sandbox_limits(|limits| limits.queue_timeout = Duration::ZERO);
        let full = server.clone().serve(guest_of(&engine, "echoes")).await;
        let mut deaf = leave_unread(&full).await;
        let served = server.serve(guest_of(&engine, "streams")).await;
        let mut wire = served.connect().await;
        wire.send(get("/large")).await;
        wire.receive_head().await;
        assert_eq!(wire.receive_content(6).await, b"first\n");
        served.expect_nothing_yet(&mut wire).await;
        take(&mut deaf).await;
        assert_eq!(rest_of(&mut wire).await, 8 << 20);
    }

    async fn content_of_wasi_http_waits_too(server) {
        let engine = engine();
        let full = server.clone().serve(guest_of(&engine, "echoes")).await;
        let mut deaf = leave_unread(&full).await;
        let served = server.serve(guest_of(&engine, "rust-wasi-http-p3")).await;
        let mut wire = served.connect().await;
        // It is echoed piece by piece, so it must fit what a client can send without reading.
        wire.send(post("/echo", &"x".repeat(48 << 10))).await;
        take(&mut deaf).await;
        assert_eq!(wire.receive_response().await.content.len(), 48 << 10);
    }

    async fn a_guest_that_waits_for_room_until_its_time_is_over_is_503(server) {
        let engine = engine();
        let full = server.clone().serve(guest_of(&engine, "echoes")).await;
        let _deaf = leave_unread(&full).await;
        let limits = |limits: &mut windhover_sandbox::SandboxLimits| limits.timeout = SHORT;
        let served = server.sandbox_limits(limits).serve(guest_of(&engine, "echoes")).await;
        let mut wire = served.connect().await;
        wire.send(all(SMALLER)).await;
        assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 503 Service Unavailable");
    }

    async fn who_waits_for_room_leaves_instances_to_those_who_need_none(server) {
        let engine = engine();
        let server = server.sandbox_limits(|limits| limits.max_instances = 2);
        let served = server.serve(guest_of(&engine, "echoes")).await;
        let mut deaf = leave_unread(&served).await;
        let (mut one, mut other) = (served.connect().await, served.connect().await);
        one.send(all(SMALLER)).await;
        // The second that would wait is refused at once, perhaps before it has sent all; which of them that is, nobody
        // knows.
        let _ = other.try_send(all(SMALLER)).await;
        let (refusal, waits) = tokio::select! {
            refusal = one.receive_response() => (refusal, &mut other),
            refusal = other.receive_response() => (refusal, &mut one),
        };
        assert_eq!(refusal.status_line, "HTTP/1.1 503 Service Unavailable");
        let mut wire = served.connect().await;
        wire.send(get("/measure")).await;
        wire.expect(&ok("0 then nothing\n")).await;
        take(&mut deaf).await;
        assert!(!refused(waits).await);
    }

    async fn a_piece_that_is_larger_than_all_room_goes_alone(server) {
        let engine = engine_with(|config| config.max_buffered = 1 << 20);
        let served = server.serve(guest_of(&engine, "streams")).await;
        let (mut one, mut other) = (served.connect().await, served.connect().await);
        one.send(get("/large")).await;
        other.send(get("/large")).await;
        let (one, other) = tokio::join!(one.receive_response(), other.receive_response());
        assert_eq!((one.content.len(), other.content.len()), (6 + (8 << 20), 6 + (8 << 20)));
    }

    async fn a_message_of_a_websocket_that_its_client_does_not_take_is_counted(server) {
        let engine = engine();
        let talks = server.clone().sandbox_limits(|limits| limits.websocket.max_message = LARGE);
        let talks = talks.serve(guest_of(&engine, "uses-features")).await;
        let echoes = server.sandbox_limits(|limits| limits.queue_timeout = SHORT);
        let echoes = echoes.serve(guest_of(&engine, "echoes")).await;
        for frame in [Frame::binary(vec![b'x'; LARGE]), Frame::text(&"x".repeat(LARGE))] {
            let mut deaf = open(&talks).await;
            deaf.send_frame(frame).await;
            // It comes back, and its client takes no more of it than its head.
            deaf.receive_exactly(10, "the head of a large frame").await;
            let mut wire = echoes.connect().await;
            wire.send(all(SMALLER)).await;
            assert!(refused(&mut wire).await);
            take(&mut deaf).await;
            wire.send(all(SMALLER)).await;
            while refused(&mut wire).await {
                wire.send(all(SMALLER)).await;
            }
        }
    }

    async fn a_message_of_a_websocket_that_has_come_in_part_is_counted(server) {
        let engine = engine_with(|config| config.max_buffered = SMALLER);
        let talks = server.clone().serve(guest_of(&engine, "uses-features")).await;
        let echoes = server.sandbox_limits(|limits| limits.queue_timeout = SHORT);
        let echoes = echoes.serve(guest_of(&engine, "echoes")).await;
        let part = vec![b'x'; SMALLER - (100 << 10)];
        for is_told in [true, false] {
            let mut slow = open(&talks).await;
            slow.send_frame(Frame::binary(&part).unfinished()).await;
            // What was sent before it is there when this is answered.
            slow.send_frame(Frame::new(PING, "")).await;
            assert_eq!(slow.receive_frame().await, (PONG, Vec::new()));
            let mut wire = echoes.connect().await;
            wire.send(all(SMALLER / 2)).await;
            assert!(refused(&mut wire).await);
            // It has its room until the message is whole, or the client leaves.
            if is_told {
                slow.send_frame(Frame::new(CONTINUATION, "")).await;
                assert!(slow.receive_frame().await == (BINARY, part.clone()));
            }
            drop(slow);
            wire.send(all(SMALLER / 2)).await;
            while refused(&mut wire).await {
                wire.send(all(SMALLER / 2)).await;
            }
        }
    }

    /// Each has a part of a message, and needs room for more and for what its guest sends.
    async fn websockets_do_not_wait_for_one_anothers_room_for_ever(server) {
        let engine = engine_with(|config| config.max_buffered = SMALLER);
        let served = server.serve(guest_of(&engine, "uses-features")).await;
        let half = vec![b'x'; SMALLER / 2 - 100];
        let (mut one, mut other) = (open(&served).await, open(&served).await);
        for wire in [&mut one, &mut other] {
            wire.send_frame(Frame::binary(&half).unfinished()).await;
        }
        let go_on = async |wire: &mut Wire| {
            // Another whole message right behind it, which takes room while the first is sent back.
            wire.send([Frame::new(CONTINUATION, &half).bytes(), Frame::binary(&half).bytes()].concat()).await;
            (wire.receive_frame().await.1.len(), wire.receive_frame().await.1.len())
        };
        let expected = (2 * half.len(), half.len());
        assert_eq!(tokio::join!(go_on(&mut one), go_on(&mut other)), (expected, expected));
    }

    /// Each holds what the other would need, and one goes beyond the limit.
    async fn requests_that_are_collected_do_not_wait_for_one_another_for_ever(server) {
        let engine = engine_with(|config| config.max_buffered = 1 << 20);
        let served = server.serve(guest_of(&engine, "echoes")).await;
        let (mut one, mut other) = (served.connect().await, served.connect().await);
        let chunk = || format!("{:x}\r\n{}\r\n", 500_000, "x".repeat(500_000));
        let head = "POST /all?9999999 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        one.send(head.to_owned() + &chunk()).await;
        other.send(head.to_owned() + &chunk()).await;
        let rest = chunk() + &chunk() + &chunk() + "0\r\n\r\n";
        let go_on = async |wire: &mut Wire| {
            wire.send(&rest).await;
            wire.receive_response().await.content.len()
        };
        assert_eq!(tokio::join!(go_on(&mut one), go_on(&mut other)), (2_000_000, 2_000_000));
    }
}

/// A WebSocket whose messages come back.
async fn open(served: &Served) -> Wire {
    let mut wire = served.connect().await;
    let handshake = "GET /websocket/accept HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n";
    wire.send(handshake).await;
    assert_eq!(wire.receive_head().await.status_line, "HTTP/1.1 101 Switching Protocols");
    wire
}

/// An engine that holds one large answer.
fn engine() -> Engine {
    engine_with(|config| config.max_buffered = LARGE)
}

/// A request that is answered with its own content, in one piece.
fn all(size: usize) -> String {
    post("/all?99999999", &"x".repeat(size))
}

/// A client that does not take its large answer.
async fn leave_unread(served: &Served) -> Wire {
    loop {
        let mut deaf = served.connect().await;
        deaf.send(all(LARGE)).await;
        if deaf.receive_head().await.status_line == "HTTP/1.1 200 OK" {
            return deaf;
        }
    }
}

/// It takes it after all.
async fn take(deaf: &mut Wire) {
    deaf.receive_exactly(LARGE, "a large answer").await;
}

/// How much content comes until its end.
async fn rest_of(wire: &mut Wire) -> usize {
    let mut size = 0;
    while let Some(chunk) = wire.receive_chunk().await {
        size += chunk.len();
    }
    size
}

/// Whether the next answer is a refusal.
async fn refused(wire: &mut Wire) -> bool {
    let response = wire.receive_response().await;
    assert!(response.status_line.ends_with("200 OK") || response.status_line.ends_with("503 Service Unavailable"));
    response.status_line.ends_with("503 Service Unavailable")
}

/// More than the system's own buffers take for a client that does not read.
const LARGE: usize = 24 << 20;

/// Less, and yet too much for what is left.
const SMALLER: usize = 1 << 20;

/// A limit that a test wants to meet soon.
const SHORT: Duration = Duration::from_millis(100);
