//! Endpoints with TLS and what is spoken at an endpoint: handshakes, certificates, and their renewal.

use std::time::Duration;

use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use windhover_http::{CertificateSource, ClientCertificates, Clock, Protocols};
use windhover_tests::http2::PREFACE;
use windhover_tests::secure::{Authority, authority, certificate, client};
use windhover_tests::{Served, TestServer, Wire, bounded, guest};

use crate::{HELLO, get, in_every_world, ok};

#[tokio::test]
async fn http_without_tls_is_told_so_and_closed() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let mut wire = Wire::tcp(served.connect_tcp().await);
    wire.send(get("/")).await;
    wire.expect("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
    wire.expect_closed().await;
}

/// RFC 9113 §3.2: HTTP/2 over TLS is agreed on by ALPN.
#[tokio::test]
async fn a_client_without_alpn_speaks_http_1() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let stream = served.connect_tls(client(&[], None)).await.expect("it may come");
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
    let mut wire = Wire::memory(stream);
    wire.send(get("/")).await;
    wire.expect(HELLO).await;
}

/// It is spoken, so whoever offers nothing else is not refused.
#[tokio::test]
async fn a_client_may_offer_http_1_0_alone() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let stream = served.connect_tls(client(&["http/1.0"], None)).await.expect("it may come");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.0"[..]));
    let mut wire = Wire::memory(stream);
    wire.send("GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.0 200 OK");
    wire.expect_closed().await;
}

#[tokio::test]
async fn a_client_that_offers_both_speaks_http_2() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let stream = served.connect_tls(client(&["http/1.1", "h2"], None)).await.expect("it may come");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
}

#[tokio::test]
async fn a_client_that_offers_only_other_protocols_is_refused() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let refused = served.connect_tls(client(&["spdy/3"], None)).await.expect_err("nothing is in common");
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[tokio::test]
async fn a_handshake_that_stalls_is_ended_in_its_time() {
    for beginning in [&b""[..], &[22, 3, 1, 0, 100, 1]] {
        let (clock, test_clock) = Clock::manual();
        let limit = Duration::from_secs(4);
        let served = TestServer::https()
            .config(move |config| config.clock = clock.clone())
            .limits(move |limits| limits.tls.handshake_timeout = limit)
            .serve(guest("rust-hello"))
            .await;
        let mut wire = Wire::tcp(served.connect_tcp().await);
        wire.send(beginning).await;
        bounded("the limit to be waited for", test_clock.advance(limit)).await;
        wire.expect_closed().await;
    }
}

#[tokio::test]
async fn the_scheme_that_guests_see_is_https() {
    for guest in in_every_world() {
        let served = TestServer::https().serve(guest).await;
        assert!(served.addresses()[0].starts_with("https://127.0.0.1:"), "{:?}", served.addresses());
        let mut wire = served.connect().await;
        wire.send(get("/variables?HTTPS,REQUEST_SCHEME,SERVER_PORT,LOCAL_ADDR")).await;
        wire.expect(&ok("HTTPS=on\nREQUEST_SCHEME=https\nSERVER_PORT=443\nLOCAL_ADDR=127.0.0.1\n")).await;
    }
}

#[tokio::test]
async fn the_facts_of_the_session_reach_the_guest() {
    for guest in in_every_world() {
        let served = TestServer::https().serve(guest).await;
        for (protocols, told) in [(&["h2"][..], "Some(\"h2\")"), (&["http/1.1"], "Some(\"http/1.1\")"), (&[], "None")] {
            let text = tell(&served, "localhost", client(protocols, None)).await.expect("it may come");
            assert!(text.starts_with("Session { protocol: \"TLSv1.3\", cipher-suite: \"TLS_"), "{text}");
            assert!(text.ends_with(&format!("alpn: {told}, server-name: Some(\"localhost\") }} []\n")), "{text}");
        }
    }
}

#[tokio::test]
async fn a_client_may_show_a_certificate_or_must_and_a_foreign_one_is_refused() {
    for must in [false, true] {
        let served = TestServer::https()
            .tls(move |config, folder| {
                let authorities = folder.write("clients.pem", authority().pem());
                config.client_certificates = match must {
                    false => ClientCertificates::Allow { authorities },
                    true => ClientCertificates::Require { authorities },
                };
            })
            .serve(guest("uses-features"))
            .await;
        let (own, foreign) = (authority().issue("somebody"), Authority::new("another").issue("somebody"));
        for protocol in ["h2", "http/1.1"] {
            let shown = tell(&served, "localhost", client(&[protocol], Some(&own))).await.expect("it is known");
            assert!(shown.ends_with(&format!("[{:?}]\n", own.der.as_ref())), "{shown}");
            let none = tell(&served, "localhost", client(&[protocol], None)).await;
            assert_eq!(none.is_ok_and(|text| text.ends_with(" []\n")), !must);
            let refused = tell(&served, "localhost", client(&[protocol], Some(&foreign))).await;
            assert!(refused.is_err(), "{refused:?}");
        }
    }
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let other = authority().issue("other.example");
    let der = other.der.clone();
    let served = TestServer::https()
        .tls(move |config, folder| {
            let chain = folder.write_certificate("other.pem", &other);
            config.names.push(("other.example".into(), CertificateSource::Pem { chain, key: None }));
        })
        .serve(guest("uses-features"))
        .await;
    assert_eq!(shown(&served, "other.example").await, der);
    assert_eq!(shown(&served, "localhost").await, certificate().der);
    let text = tell(&served, "other.example", client(&["h2"], None)).await.expect("it may come");
    assert!(text.contains("server-name: Some(\"other.example\")"), "{text}");
}

#[tokio::test]
async fn a_renewed_certificate_is_for_new_connections_and_old_ones_go_on() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let (mut old, mut old_http2) = (served.connect().await, served.connect_http2().await);
    assert_eq!(shown(&served, "localhost").await, certificate().der);
    let renewed = authority().issue("localhost");
    served.secured().folder.write_certificate("localhost.pem", &renewed);
    served.secured().tls.reload().expect("it is good");
    assert_eq!(shown(&served, "localhost").await, renewed.der);
    old.send(get("/")).await;
    old.expect(HELLO).await;
    old_http2.get("/").await.expect(200, "Hello from WebAssembly!\n");
    // What cannot be read changes nothing.
    served.secured().folder.write("localhost.pem", "no certificate");
    served.secured().tls.reload().expect_err("it is none");
    assert_eq!(shown(&served, "localhost").await, renewed.der);
}

#[tokio::test]
async fn where_there_is_only_http_2_others_are_refused() {
    let only = TestServer::http().config(|config| config.endpoints[0].protocols = Protocols::HTTP2);
    let served = only.serve(guest("rust-hello")).await;
    let mut wire = served.connect().await;
    wire.send(get("/")).await;
    wire.expect("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: …\r\n\r\n").await;
    wire.expect_closed().await;
    served.connect_http2().await.get("/").await.expect(200, "Hello from WebAssembly!\n");
    let only = TestServer::https().tls(|config, _| config.alpn = Protocols::HTTP2);
    let served = only.serve(guest("rust-hello")).await;
    for protocols in [&["http/1.1"][..], &[]] {
        let refused = served.connect_tls(client(protocols, None)).await.expect_err("nothing is in common");
        assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
    }
    served.connect_http2().await.get("/").await.expect(200, "Hello from WebAssembly!\n");
}

#[tokio::test]
async fn where_there_is_only_http_1_http_2_is_not_offered_and_its_preface_is_505() {
    let only = TestServer::http().config(|config| config.endpoints[0].protocols = Protocols::HTTP1);
    let served = only.serve(guest("rust-hello")).await;
    let mut wire = served.connect().await;
    wire.send(PREFACE).await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 505 HTTP Version Not Supported");
    wire.expect_closed().await;
    let only = TestServer::https().tls(|config, _| config.alpn = Protocols::HTTP1);
    let served = only.serve(guest("rust-hello")).await;
    let stream = served.connect_tls(client(&["h2", "http/1.1"], None)).await.expect("it may come");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    served.connect_tls(client(&["h2"], None)).await.expect_err("nothing is in common");
}

/// Over TLS the protocol is what was agreed on, and nothing else is guessed.
#[tokio::test]
async fn the_preface_is_no_request_where_http_1_was_agreed_on() {
    let served = TestServer::https().serve(guest("rust-hello")).await;
    let mut wire = served.connect().await;
    wire.send(PREFACE).await;
    assert_eq!(wire.receive_response().await.status_line, "HTTP/1.1 505 HTTP Version Not Supported");
}

/// What the guest is told of the session, in whatever protocol that is agreed on. An error: there is no connection.
async fn tell(served: &Served, name: &'static str, config: ClientConfig) -> std::io::Result<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = served.connect_tls_to(name, config).await?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        let broken = std::io::Error::other::<h2::Error>;
        let (requests, connection) = h2::client::handshake(stream).await.map_err(broken)?;
        let connection = tokio::spawn(connection);
        let mut requests = requests.ready().await.map_err(broken)?;
        let request = http::Request::get("https://a/tls").body(()).expect("it is well formed");
        let (answer, _) = requests.send_request(request, true).map_err(broken)?;
        let mut content = answer.await.map_err(broken)?.into_body();
        let mut text = Vec::new();
        while let Some(piece) = content.data().await {
            text.extend(piece.map_err(broken)?);
        }
        connection.abort();
        return Ok(String::from_utf8(text).expect("facts are text"));
    }
    stream.write_all(b"GET /tls HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.split_once("\r\n\r\n").expect("an answer has a head").1.to_owned())
}

/// The certificate that the server shows.
async fn shown(served: &Served, name: &'static str) -> CertificateDer<'static> {
    let stream = served.connect_tls_to(name, client(&[], None)).await.expect("it may come");
    stream.get_ref().1.peer_certificates().expect("it has one")[0].clone().into_owned()
}
