//! The TLS session of a connection, as a guest is told of it. A real one is in `tls_endpoint`.

use std::sync::Arc;

use bytes::Bytes;
use windhover_contract::Tls;
use windhover_tests::{TestServer, for_each_server};

use crate::{get, in_every_world, ok};

for_each_server! {
    async fn a_connection_has_a_session_where_there_is_tls(server) {
        for guest in in_every_world() {
            let served = server.clone().serve(guest).await;
            let mut wire = served.connect().await;
            wire.send(get("/tls")).await;
            let told = wire.receive_response().await;
            if served.scheme() == "https" {
                assert!(told.text().starts_with("Session { protocol: \"TLSv1.3\""), "{}", told.text());
            } else {
                assert_eq!(told.text(), "plain []\n");
            }
        }
    }
}

#[tokio::test]
async fn a_session_and_its_certificates_are_told_and_the_scheme_is_https() {
    let tls = Arc::new(Tls {
        protocol: "TLSv1.3".into(),
        cipher_suite: "TLS_AES_128_GCM_SHA256".into(),
        alpn: None,
        server_name: Some("example.com".into()),
        client_certificates: vec![Bytes::from_static(&[1, 2]), Bytes::from_static(&[3])],
    });
    for guest in in_every_world() {
        let served = TestServer::memory_with(|facts| facts.tls = Some(Arc::clone(&tls))).serve(guest).await;
        let mut wire = served.connect().await;
        wire.send(get("/tls")).await;
        let session = "Session { protocol: \"TLSv1.3\", cipher-suite: \"TLS_AES_128_GCM_SHA256\", alpn: None, \
                       server-name: Some(\"example.com\") } [[1, 2], [3]]\n";
        wire.expect(&ok(session)).await;
        wire.send(get("/variables?HTTPS,REQUEST_SCHEME,SERVER_PORT")).await;
        wire.expect(&ok("HTTPS=on\nREQUEST_SCHEME=https\nSERVER_PORT=443\n")).await;
    }
}

/// A proxy that ends TLS reports the certificates of its client, and not the session.
#[tokio::test]
async fn of_a_session_that_a_proxy_has_ended_the_certificates_alone_are_told() {
    let tls = Arc::new(Tls { client_certificates: vec![Bytes::from_static(&[1, 2])], ..Tls::unknown() });
    for guest in in_every_world() {
        let served = TestServer::memory_with(|facts| facts.tls = Some(Arc::clone(&tls))).serve(guest).await;
        let mut wire = served.connect().await;
        wire.send(get("/tls")).await;
        wire.expect(&ok("plain [[1, 2]]\n")).await;
    }
}
