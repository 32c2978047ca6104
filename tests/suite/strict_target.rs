//! Of what characters a request target is, the same in every version of HTTP and on every server: what RFC 3986 or the
//! URL Standard lets a client send as it is.

use windhover_contract::{Body, Response};
use windhover_tests::{Served, TestServer, for_each_server};

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

/// Serves an application that answers with the target as it came.
async fn serve_targets(server: TestServer) -> Served {
    let answer = |request: windhover_contract::Request| async move {
        let body = Body::full(format!("{} {:?}\n", request.target.uri(), request.target.query()));
        Response { body, ..Response::empty(http::StatusCode::OK) }
    };
    server.serve_fn(answer).await
}

/// Every octet in a path and in a query, and what clients send that escape nothing.
fn targets() -> Vec<Vec<u8>> {
    let octets = (0x21..=0xff_u8).filter(|octet| *octet != b'#');
    let mut targets: Vec<_> = octets
        .flat_map(|octet| [[b"/a", &[octet][..], b"b"].concat(), [b"/?a", &[octet][..], b"b"].concat()])
        .collect();
    let whole =
        ["/é", "/?é", "/日本?語", "/%zz", "/%?%", "/a%", "/%C3%A9?%C3%A9", "/?a[]=1&b{c}=|d|^\\", "/?{\"a\":1}"];
    targets.extend(whole.iter().map(|target| target.as_bytes().to_vec()));
    targets
}

/// What the application answers to a target, or `None`: it is refused.
fn served_as(target: &[u8]) -> Option<String> {
    let target = str::from_utf8(target).ok()?;
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let may_stand =
        |octet: char, more: &str| octet.is_ascii_alphanumeric() || BOTH.contains(octet) || more.contains(octet);
    let is_good = path.chars().all(|octet| may_stand(octet, ""))
        && query.is_none_or(|query| query.chars().all(|octet| may_stand(octet, "?`")));
    is_good.then(|| format!("{target} {query:?}\n"))
}

/// What may stand in both, besides letters and digits.
const BOTH: &str = "-._~!$&'()*+,;=:@/%[]\\^{|}";
