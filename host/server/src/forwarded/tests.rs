//! What apps get of what proxies tell and others claim, on every server.

use std::fmt::Write as _;

use http::StatusCode;
use http::uri::Authority;
use windhover_contract::{Body, Response};
use windhover_tests::{Served, TestServer, for_each_server};

use super::*;

/// What an app gets of a request.
fn seen(request: &Request) -> Response {
    let target = &request.target;
    let authority = target.authority().map(Authority::as_str).unwrap_or_default();
    let mut facts = format!("{}://{authority}{}", target.scheme().as_str(), target.path_base());
    let connection = request.features.connection.as_deref().expect("each server offers it");
    let remote = match connection.remote() {
        _ if connection.told.is_none() => "the peer".to_owned(),
        remote if connection.socket.remote == remote => "the peer".to_owned(),
        Some(address) => address.to_string(),
        None => "none".to_owned(),
    };
    let certificates = request.features.tls.as_ref().map_or(0, |tls| tls.client_certificates.len());
    let _ = write!(facts, " {} for {remote} by {}", target.client_path(), connection.proxies().count());
    let _ = write!(facts, " with {certificates} and");
    let mut fields: Vec<_> = request.fields.iter().collect();
    fields.sort_by_key(|(name, _)| name.as_str());
    for (name, value) in fields {
        let _ = write!(facts, " {name}={}", String::from_utf8_lossy(value.as_bytes()));
    }
    let mut response = Response::empty(StatusCode::OK);
    response.body = Body::full(facts);
    response
}

/// A server whose endpoint has this `[endpoints.web.proxy]`.
async fn served(server: TestServer, proxy: &str) -> Served {
    let proxy: Proxy = toml::from_str(proxy).expect("a test's configuration is one");
    let proxies = Proxies::default().next([("web", Some(&proxy))].into_iter());
    let answer = move |mut request| {
        proxies.apply(&mut request);
        std::future::ready(seen(&request))
    };
    server.endpoint("web").serve_fn(answer).await
}

async fn told(served: &Served, fields: &str) -> String {
    let mut wire = served.connect().await;
    wire.send(format!("GET /p HTTP/1.1\r\nhost: internal:81\r\n{fields}\r\n")).await;
    wire.receive_response().await.text().to_owned()
}

/// Peers of all servers of the tests: those of the server in memory have no address.
const TRUSTED: &str = "trusted = ['127.0.0.1', 'unix', '10.0.0.0/8']";

for_each_server! {
    async fn the_client_stands_in_the_place_of_a_trusted_proxy(server) {
        let served = served(server, TRUSTED).await;
        let scheme = served.scheme();
        // Peers of the server in memory have no address either.
        let hidden = if served.connect().await.local().is_some() { "none" } else { "the peer" };
        for (fields, expected) in [
            (
                "x-forwarded-for: 6.6.6.6, 192.0.2.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: a.example\r\n\
                 x-forwarded-prefix: /shop\r\nforwarded: for=6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\naccept: x\r\n",
                "https://a.example/shop /shop/p for 192.0.2.1:0 by 1 with 0 and accept=x host=a.example".to_owned(),
            ),
            (
                "x-forwarded-for: [2001:db8::1]:7\r\nx-forwarded-proto: http\r\nx-forwarded-host: a\r\nx-forwarded-port: 8080\r\n",
                "http://a:8080 /p for [2001:db8::1]:7 by 1 with 0 and host=a:8080".to_owned(),
            ),
            (
                "x-forwarded-for: unknown\r\n",
                format!("{scheme}://internal:81 /p for {hidden} by 1 with 0 and host=internal:81"),
            ),
            (
                "x-forwarded-proto: https\r\nx-forwarded-port: 8443\r\n",
                "https://internal:81 /p for the peer by 1 with 0 and host=internal:81".to_owned(),
            ),
            // Nothing by half.
            (
                "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: gopher\r\n",
                format!("{scheme}://internal:81 /p for the peer by 0 with 0 and host=internal:81"),
            ),
            ("", format!("{scheme}://internal:81 /p for the peer by 0 with 0 and host=internal:81")),
        ] {
            assert_eq!(told(&served, fields).await, expected, "{fields}");
        }
    }

    async fn each_proxy_of_a_row_must_be_trusted(server) {
        let served = served(server, &format!("{TRUSTED}\nhops = 3\nheaders = 'forwarded'")).await;
        let fields = "forwarded: for=6.6.6.6;proto=http, for=192.0.2.1;proto=https;host=a\r\nforwarded: for=\"10.0.0.1:5\";host=b\r\n\
                      x-forwarded-for: 6.6.6.6\r\n";
        assert_eq!(told(&served, fields).await, "https://a /p for 192.0.2.1:0 by 2 with 0 and host=a");
    }

    async fn what_a_peer_claims_that_is_not_trusted_does_not_arrive(server) {
        let claims = "forwarded: for=6.6.6.6\r\nx-forwarded-for: 6.6.6.6\r\nx-forwarded-anything: 6\r\nx-real-ip: 6.6.6.6\r\n\
                      client-cert: :AAAA:\r\nclient-cert-chain: :AAAA:\r\nx_forwarded_host: evil\r\nx-cert: 6\r\naccept: x\r\n";
        let served_by = |proxy: &'static str| served(server.clone(), proxy);
        let of_socket = |served: &Served| format!("{}://internal:81 /p for the peer by 0 with 0 and", served.scheme());
        let nobody = served_by("").await;
        let told_nobody = told(&nobody, claims).await;
        assert_eq!(told_nobody, format!("{} accept=x host=internal:81 x-cert=6", of_socket(&nobody)));
        let others = served_by("trusted = ['192.0.2.1']\nclient-certificate = 'x-cert'").await;
        assert_eq!(told(&others, claims).await, format!("{} accept=x host=internal:81", of_socket(&others)));
        let passes = served_by("untrusted = 'pass'").await;
        let told = told(&passes, "x-forwarded-for: 6.6.6.6\r\nforwarded: for=6.6.6.6\r\n").await;
        let fields = "forwarded=for=6.6.6.6 host=internal:81 x-forwarded-for=6.6.6.6";
        assert_eq!(told, format!("{} {fields}", of_socket(&passes)));
    }

    async fn of_what_is_passed_what_is_believed_is_taken_off(server) {
        let served = served(server, &format!("{TRUSTED}\nuntrusted = 'pass'")).await;
        let fields = "x-forwarded-for: 192.0.2.1\r\nx-forwarded-proto: http\r\nforwarded: for=6.6.6.6\r\n";
        let expected = "http://internal:81 /p for 192.0.2.1:0 by 1 with 0 and forwarded=for=6.6.6.6 host=internal:81";
        assert_eq!(told(&served, fields).await, expected);
    }

    async fn a_trusted_proxy_reports_the_certificate_of_its_client(server) {
        let served_by = async |name: &str| {
            served(server.clone(), &format!("{TRUSTED}\nclient-certificate = '{name}'")).await
        };
        let count = |told: String| told.split_once(" with ").expect("it says").1[..1].to_owned();
        let standard = served_by("client-cert").await;
        // A sequence of DER that holds nothing is one as far as it goes.
        for (fields, expected) in [
            ("client-cert: :MAA=:\r\n", "1"),
            ("client-cert: :MAA=:\r\nclient-cert-chain: :MAA=:\r\nclient-cert-chain: :MAA=:, :MAA=:\r\n", "4"),
            ("client-cert: :MAA=:\r\nclient-cert: :MAA=:\r\n", "0"),
            ("client-cert: :MAA=:\r\nclient-cert-chain: MAA=\r\n", "0"),
            ("client-cert: MAA=\r\n", "0"),
            ("client-cert: :M\r\n", "0"),
            ("client-cert: \r\n", "0"),
            ("client-cert-chain: :MAA=:\r\n", "0"),
            ("x-forwarded-for: 192.0.2.1\r\n", "0"),
        ] {
            let told = told(&standard, fields).await;
            assert!(told.ends_with("and host=internal:81"), "{told}");
            assert_eq!(count(told), expected, "{fields}");
        }
        let pem = served_by("x-cert").await;
        let escaped = "-----BEGIN%20CERTIFICATE-----%0AMAA%3D%0A-----END%20CERTIFICATE-----%0A";
        for (fields, expected) in [
            (format!("x-cert: {escaped}\r\n"), "1"),
            (format!("x-cert: {escaped}{escaped}\r\n"), "2"),
            ("x-cert: -----BEGIN%20CERTIFICATE-----%0A%%%\r\n".to_owned(), "0"),
            ("x-cert: \r\n".to_owned(), "0"),
            ("client-cert: :MAA=:\r\n".to_owned(), "0"),
        ] {
            assert_eq!(count(told(&pem, &fields).await), expected, "{fields}");
        }
    }
}

#[tokio::test]
async fn the_client_stands_in_the_place_of_a_trusted_proxy_in_http2() {
    let served = served(TestServer::http(), TRUSTED).await;
    let mut http2 = served.connect_http2().await;
    let request =
        http2.request("GET", "/p").header("x-forwarded-for", "192.0.2.1").header("x-forwarded-proto", "https");
    let answer = http2.ask(request.header("x-forwarded-host", "a.example")).await;
    assert!(answer.text().starts_with("https://a.example /p for 192.0.2.1:0 by 1 with 0 and"), "{}", answer.text());
}
