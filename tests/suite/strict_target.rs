//! Of what characters a request target is, the same in every version of HTTP and on every server: what RFC 3986 or the
//! URL Standard lets a client send as it is.

use windhover_contract::{Body, Response};
use windhover_tests::http2::{DATA, END_HEADERS, END_STREAM, Frame, Frames, HEADERS, RST_STREAM, section};
use windhover_tests::strict::targets;
use windhover_tests::{Served, TestServer, for_each_http2, for_each_server};

for_each_server! {
    async fn each_character_is_taken_or_refused_in_a_path_and_in_a_query(server) {
        let served = serve_targets(server).await;
        let mut wire = served.connect().await;
        for target in targets() {
            let Some(answer) = served_as(&target) else {
                let mut wire = served.connect().await;
                wire.send([b"GET ", &target[..], b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat()).await;
                let received = wire.receive_response().await;
                assert_eq!(received.status_line, "HTTP/1.1 400 Bad Request", "{}", target.escape_ascii());
                wire.expect_closed().await;
                continue;
            };
            wire.send([b"GET ", &target[..], b" HTTP/1.1\r\nhost: a\r\n\r\n"].concat()).await;
            wire.expect(&crate::ok(&answer)).await;
        }
    }

    /// What two parties may cut off at different places is bait (CVE-2023-45539).
    async fn a_fragment_is_refused_wherever_it_stands(server) {
        let served = serve_targets(server).await;
        let absolute = format!("{}://a#b", served.scheme());
        for target in ["/#", "/a#b", "/a?b#c", "/a?#", "/#?", "#", "#a", "*#", "/a%23#", &absolute] {
            let mut wire = served.connect().await;
            wire.send(format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            wire.expect("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
            wire.expect_closed().await;
        }
    }
}

for_each_http2! {
    /// What the protocol's library refuses is a stream error (RFC 9113 §8.3.1), and the rest is answered as in HTTP/1.1.
    async fn each_character_is_taken_or_refused_as_in_http_1(server) {
        let served = serve_targets(server).await;
        let mut frames = served.connect_frames().await;
        for (stream, target) in (1..).step_by(2).zip(targets()) {
            // What is not UTF-8 is for the library an error of the whole connection.
            let Ok(target) = str::from_utf8(&target) else { continue };
            let received = ask(&mut frames, stream, target).await;
            assert_eq!(received, served_as(target.as_bytes()), "{target:?}");
        }
        for (stream, target) in (9_999..).step_by(2).zip(["?q", "a", "a:80", "http://a/", "/#", "/a#b", "/a?b#c", "#a", "*#"]) {
            assert_eq!(ask(&mut frames, stream, target).await, None, "{target:?}");
        }
    }
}

/// Serves an application that answers with the target as it came.
async fn serve_targets(server: TestServer) -> Served {
    let answer = |request: windhover_contract::Request| async move {
        let body = Body::full(format!("{} {:?}\n", request.target.uri(), request.target.query()));
        Response { body, ..Response::empty(http::StatusCode::OK) }
    };
    server.serve_fn(answer).await
}

/// What the application answers to a target, or `None`: it is refused.
fn served_as(target: &[u8]) -> Option<String> {
    let target = str::from_utf8(target).ok()?;
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let may_stand = |byte: char, more: &str| byte.is_ascii_alphanumeric() || BOTH.contains(byte) || more.contains(byte);
    let is_good = path.chars().all(|byte| may_stand(byte, ""))
        && query.is_none_or(|query| query.chars().all(|byte| may_stand(byte, "?`")));
    is_good.then(|| format!("{target} {query:?}\n"))
}

/// Asks for a target. `None`: it is refused, by 400 or by a reset of the stream.
async fn ask(frames: &mut Frames, stream: u32, target: &str) -> Option<String> {
    let scheme = frames.scheme();
    let head = section(&[(":method", "GET"), (":scheme", scheme), (":authority", "a"), (":path", target)]);
    frames.send(Frame::new(HEADERS, END_HEADERS | END_STREAM, stream, head)).await;
    let (mut is_good, mut content) = (false, Vec::new());
    loop {
        let frame = frames.receive().await.expect("the connection goes on");
        if frame.stream != stream {
            continue;
        }
        match frame.kind {
            RST_STREAM => {
                assert_eq!(frame.reason(), h2::Reason::PROTOCOL_ERROR);
                return None;
            }
            // RFC 7541: `:status` of the static table.
            HEADERS => {
                is_good = frame.payload.first() == Some(&0x88) || {
                    assert_eq!(frame.payload[0], 0x8c, "it is 200 or 400");
                    false
                }
            }
            DATA => content.extend(frame.payload),
            _ => {}
        }
        if frame.flags & END_STREAM != 0 {
            return is_good.then(|| String::from_utf8(content).expect("it is text"));
        }
    }
}

/// What may stand in both, besides letters and digits.
const BOTH: &str = "-._~!$&'()*+,;=:@/%[]\\^{|}";
