//! The request's content: the guest reads it when it wants, as much as it wants; what it does not read stays with the
//! client.

use windhover_tests::{for_each_server, guest};

use crate::{get, ok, post};

for_each_server! {
    async fn content_of_a_known_length_is_read_to_its_end(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(post("/all?100", "some content") + &post("/all?100", "") + &get("/all?100")).await;
        wire.expect(&ok("some content")).await;
        wire.expect(&ok("")).await;
        wire.expect(&ok("")).await;
    }

    async fn content_in_chunks_is_read_without_its_framing(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST /all?100 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
             5\r\nsome \r\n007;name=value\r\ncontent\r\n0\r\n\r\n",
        )
        .await;
        wire.expect(&ok("some content")).await;
    }

    async fn trailers_are_not_content(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(
            "POST /measure HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\n0\r\nx-checksum: 1\r\n\r\n",
        )
        .await;
        wire.expect(&ok("3 then nothing\n")).await;
        wire.send(get("/measure")).await;
        wire.expect(&ok("0 then nothing\n")).await;
    }

    async fn each_piece_comes_back_before_the_next_is_sent(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n").await;
        wire.expect("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ndate: …\r\n\r\n5\r\nfirst\r\n").await;
        wire.send("6\r\nsecond\r\n").await;
        wire.expect("6\r\nsecond\r\n").await;
        wire.send("0\r\n\r\n").await;
        wire.expect("0\r\n\r\n").await;
    }

    async fn a_piece_is_never_larger_than_the_guest_asks(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(post("/measure?7", &"x".repeat(100_000))).await;
        wire.expect(&ok("100000 then nothing\n")).await;
    }

    async fn content_larger_than_every_buffer_passes_through(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        // Sent in turns with what comes back: the guest reads only when its last piece is taken.
        wire.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 64 * 65_536)).await;
        for turn in 0..64_u8 {
            let piece = vec![turn; 65_536];
            wire.send(&piece).await;
            if turn == 0 {
                wire.receive_head().await;
            }
            assert!(wire.receive_content(65_536).await == piece, "the bytes come back unchanged");
        }
        assert_eq!(wire.receive_chunk().await, None);
    }

    async fn reading_all_is_bounded_by_what_the_guest_is_ready_to_hold(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(post("/all?5", "12345") + &post("/all?5", "123456")).await;
        wire.expect(&ok("12345")).await;
        wire.expect(&ok("error: too-large\n")).await;
    }

    /// A guest that fails because the client broke off is not a broken guest.
    async fn a_client_that_garbles_its_content_is_answered_400(server) {
        let served = server.serve(guest("echoes")).await;
        let garbled = |path| {
            format!("POST {path} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nno size\r\n")
        };
        let mut wire = served.connect().await;
        wire.send(garbled("/must?100")).await;
        let response = wire.receive_response().await;
        assert_eq!(response.status_line, "HTTP/1.1 400 Bad Request");
        wire.expect_closed().await;

        let mut wire = served.connect().await;
        wire.send(garbled("/measure")).await;
        assert_eq!(wire.receive_response().await.text(), "3 then incomplete\n");
        wire.expect_closed().await;
    }
}
