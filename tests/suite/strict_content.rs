//! Chunks that are not framed exactly as RFC 9112 §7.1 says: the content ends there, and the connection behind the
//! answer.

use windhover_contract::{InRange, Limits};
use windhover_tests::strict::{FRAMINGS, UNUSUAL_FRAMINGS};
use windhover_tests::{Served, for_each_server, guest};

use crate::{get, ok};

for_each_server! {
    async fn malformed_framing_ends_the_content_with_400(server) {
        let served = server.serve(guest("echoes")).await;
        for &framing in FRAMINGS {
            // Some need one byte more to be wrong.
            let bytes = [CHUNKED.as_bytes(), b"3\r\nabc\r\n", framing, b"x\r\n"].concat();
            for pieces in [vec![&bytes[..]], bytes.chunks(1).collect()] {
                expect_malformed(&served, pieces).await;
            }
        }
    }

    async fn what_came_before_malformed_framing_is_content(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        wire.send(CHUNKED.replace("/must?99", "/measure") + "3\r\nabc\r\n2;a=\"\r\nde\r\n0\r\n\r\n" + &get("/smuggled")).await;
        assert_eq!(wire.receive_response().await.text(), "3 then incomplete\n");
        wire.expect_closed().await;
    }

    async fn framing_that_is_unusual_but_right_is_served(server) {
        let served = server.serve(guest("echoes")).await;
        let mut wire = served.connect().await;
        for &content in UNUSUAL_FRAMINGS {
            wire.send(CHUNKED.to_owned() + content + CHUNKED + content).await;
            wire.expect(&ok("abc")).await;
            wire.expect(&ok("abc")).await;
            for byte in (CHUNKED.to_owned() + content).bytes() {
                wire.send([byte]).await;
            }
            wire.expect(&ok("abc")).await;
        }
    }

    /// Else a client could send much that counts as nothing.
    async fn extensions_are_bounded(server) {
        let served = server.serve(guest("echoes")).await;
        let chunk = |extension: usize| format!("1;{}\r\na\r\n", "b".repeat(extension - 1));
        let mut wire = served.connect().await;
        wire.send(format!("{CHUNKED}{}{}0\r\n\r\n", chunk(4000), chunk(96))).await;
        wire.expect(&ok("aa")).await;
        let one_more = format!("{CHUNKED}{}{}0\r\n\r\n", chunk(4000), chunk(97));
        expect_malformed(&served, [one_more.as_bytes()]).await;
        let endless = format!("{CHUNKED}1;{}", "b".repeat(5000));
        expect_malformed(&served, [endless.as_bytes()]).await;
    }

    async fn trailers_have_the_limits_of_fields(server) {
        let change = |limits: &mut Limits| (limits.max_request_fields, limits.max_request_fields_size) = (InRange::of(4), InRange::of(100));
        let served = server.limits(change).serve(guest("echoes")).await;
        let trailers = |count: usize, size: usize| {
            let fields = "a:b\r\n".repeat(count - 1);
            let last = format!("a:{}\r\n", "b".repeat(size - fields.len() - 4));
            format!("{CHUNKED}1\r\na\r\n0\r\n{fields}{last}\r\n")
        };
        let mut wire = served.connect().await;
        wire.send(trailers(4, 100)).await;
        wire.expect(&ok("a")).await;
        expect_malformed(&served, [trailers(5, 100).as_bytes()]).await;
        expect_malformed(&served, [trailers(1, 101).as_bytes()]).await;
        expect_malformed(&served, [format!("{CHUNKED}0\r\n{}", "a".repeat(200)).as_bytes()]).await;
    }

    /// RFC 9110 §6.5.1: what must be known before the content is read may not come behind it.
    async fn trailers_that_may_be_none_are_malformed(server) {
        let served = server.serve(guest("echoes")).await;
        for name in [
            "Content-Length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "upgrade", "host",
            "cache-control", "expect", "max-forwards", "pragma", "range", "te", "if-match", "if-modified-since",
            "if-none-match", "if-range", "if-unmodified-since", "authorization", "proxy-authenticate",
            "proxy-authorization", "www-authenticate", "cookie", "set-cookie", "age", "date", "expires", "location",
            "retry-after", "vary", "warning", "content-encoding", "content-range", "CONTENT-TYPE", "trailer",
        ] {
            let request = format!("{CHUNKED}1\r\na\r\n0\r\nx-good: 1\r\n{name}: 1\r\n\r\n");
            expect_malformed(&served, [request.as_bytes()]).await;
        }
        let mut wire = served.connect().await;
        wire.send(format!("{CHUNKED}1\r\na\r\n0\r\nx-checksum: 1\r\netag: \"a\"\r\nserver-timing: x\r\n\r\n")).await;
        wire.expect(&ok("a")).await;
    }

    async fn malformed_framing_that_nobody_reads_ends_the_connection_behind_the_answer(server) {
        let served = server.serve(guest("never-reads")).await;
        let mut wire = served.connect().await;
        wire.send(CHUNKED.to_owned() + "1;\r\na\r\n0\r\n\r\n" + &get("/smuggled")).await;
        wire.expect(&ok("not interested\n")).await;
        wire.expect_closed().await;
    }
}

/// Sends a request in pieces to a guest that must have all of its content.
async fn expect_malformed(served: &Served, pieces: impl IntoIterator<Item = &[u8]>) {
    let (mut wire, mut sent) = (served.connect().await, Vec::new());
    for piece in pieces {
        sent.extend_from_slice(piece);
        let _ = wire.try_send(piece).await; // it may be refused before its end
    }
    let received = wire.receive_response().await;
    let expected = ("HTTP/1.1 400 Bad Request".to_owned(), "connection: close content-length: 0".to_owned());
    assert_eq!((received.status_line, received.fields.join(" ")), expected, "for {}", sent.escape_ascii());
    wire.expect_closed().await;
}

/// The head of a request to a guest that must have all of its content.
const CHUNKED: &str = "POST /must?99 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
