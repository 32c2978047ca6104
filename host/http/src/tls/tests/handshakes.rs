//! What a handshake comes to.

use super::*;

#[tokio::test]
async fn the_facts_are_those_of_the_handshake() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let mut client = authority.client(None);
    client.alpn_protocols = vec![b"http/1.1".to_vec(), b"h2".to_vec()];
    let met = meet(&tls, client.clone(), "A.Example").await.expect("all is well");
    assert_eq!(met.facts.protocol, "TLSv1.3");
    assert!(met.facts.cipher_suite.starts_with("TLS_") && !met.facts.cipher_suite.contains("WITH"), "{:?}", met.facts);
    assert_eq!(met.facts.alpn.as_deref(), Some("h2"), "the server chooses");
    assert_eq!(met.facts.server_name.as_deref(), Some("a.example"));
    assert!(met.facts.client_certificates.is_empty());

    let old = speaks(&authority, &TLS12);
    let met = meet(&tls, old, "a.example").await.expect("1.2 is spoken by default");
    assert_eq!((met.facts.protocol.as_str(), met.facts.alpn), ("TLSv1.2", None));
    assert!(met.facts.cipher_suite.starts_with("TLS_ECDHE_ECDSA_WITH_"), "{}", met.facts.cipher_suite);
}

#[tokio::test]
async fn each_name_has_its_certificate() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let source = |name: &str, file: &str| {
        let issued = authority.issue(name);
        let (chain, key) = folder.pair(file, &issued);
        (CertificateSource::Pem { chain, key: Some(key) }, issued.der)
    };
    let (default, default_der) = source("default.example", "default");
    let (exact, exact_der) = source("www.a.example", "exact");
    let (wild, wild_der) = source("*.a.example", "wild");
    let mut config = TlsConfig {
        certificate: Some(default),
        names: vec![("www.a.example".into(), exact), ("*.A.example".into(), wild)],
        ..TlsConfig::default()
    };
    let tls = load(&config);
    for (name, expected) in
        [("www.a.example", &exact_der), ("other.a.example", &wild_der), ("default.example", &default_der)]
    {
        let met = meet(&tls, authority.client(None), name).await.expect(name);
        assert_eq!(&met.shown, expected, "{name}");
    }
    config.certificate = None;
    let tls = load(&config);
    meet(&tls, authority.client(None), "www.a.example").await.expect("it is named");
    let refused = meet(&tls, authority.client(None), "default.example").await.expect_err("it is not named");
    refused.is_told("UnrecognisedName", "a server name that is not here");
    let refused = meet(&tls, authority.client(None), "127.0.0.1").await.expect_err("it names nothing");
    refused.is_told("MissingExtension", "a client named no server");
}

#[tokio::test]
async fn a_client_is_asked_for_a_certificate_as_the_mode_says() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let server = authority.issue("a.example");
    let (good, foreign) = (authority.issue("good client"), Authority::new("other").issue("foreign client"));
    let authorities = folder.write("clients.pem", authority.pem());
    let with = |client_certificates| {
        let (chain, key) = folder.pair("server", &server);
        load(&TlsConfig { client_certificates, ..TlsConfig::from_pem_files(chain, Some(key)) })
    };
    for version in [&TLS12, &TLS13] {
        let client = |own: Option<&Issued>| restrict(authority.client(own), &authority, own, version);

        let none = with(ClientCertificates::None);
        let met = meet(&none, client(Some(&good)), "a.example").await.expect("nobody is asked");
        assert!(met.facts.client_certificates.is_empty());

        let allow = with(ClientCertificates::Allow { authorities: authorities.clone() });
        let met = meet(&allow, client(None), "a.example").await.expect("it may have none");
        assert!(met.facts.client_certificates.is_empty());
        let met = meet(&allow, client(Some(&good)), "a.example").await.expect("it holds");
        assert_eq!(met.facts.client_certificates, [good.der.to_vec()]);
        let refused = meet(&allow, client(Some(&foreign)), "a.example").await.expect_err("it does not hold");
        refused.is_told("UnknownCA", "UnknownIssuer");

        let require = with(ClientCertificates::Require { authorities: authorities.clone() });
        let met = meet(&require, client(Some(&good)), "a.example").await.expect("it holds");
        assert_eq!(met.facts.client_certificates, [good.der.to_vec()]);
        let refused = meet(&require, client(Some(&foreign)), "a.example").await.expect_err("it does not hold");
        refused.is_told("UnknownCA", "UnknownIssuer");
        let refused = meet(&require, client(None), "a.example").await.expect_err("it has none");
        refused.is_told("CertificateRequired", "sent no cert");
    }
}

#[tokio::test]
async fn an_older_version_than_the_oldest_is_refused() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (chain, key) = folder.pair("server", &authority.issue("a.example"));
    let tls = load(&TlsConfig { min_version: TlsVersion::Tls13, ..TlsConfig::from_pem_files(chain, Some(key)) });
    let met = meet(&tls, authority.client(None), "a.example").await.expect("it speaks 1.3");
    assert_eq!(met.facts.protocol, "TLSv1.3");
    let refused = meet(&tls, speaks(&authority, &TLS12), "a.example").await.expect_err("it speaks 1.2");
    refused.is_told("ProtocolVersion", "");
}

#[tokio::test]
async fn the_application_protocol_is_agreed_on_or_there_is_no_connection() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (chain, key) = folder.pair("server", &authority.issue("a.example"));
    for (alpn, offered, expected) in [
        (Protocols::default(), &["http/1.1", "h2"][..], Ok(Some("h2"))),
        (Protocols::default(), &["http/1.1"], Ok(Some("http/1.1"))),
        (Protocols::default(), &[], Ok(None)),
        (Protocols::default(), &["http/0.9", "h3"], Err(())),
        (Protocols::default(), &["http/1.0", "h3"], Ok(Some("http/1.0"))),
        (Protocols::default(), &["http/1.0", "http/1.1"], Ok(Some("http/1.1"))),
        (Protocols::HTTP1, &["http/1.0"], Ok(Some("http/1.0"))),
        (Protocols::HTTP2, &["http/1.0"], Err(())),
        (Protocols::HTTP1, &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (Protocols::HTTP1, &["h2"], Err(())),
        (Protocols::HTTP1, &[], Ok(None)),
        (Protocols::HTTP2, &["http/1.1", "h2"], Ok(Some("h2"))),
        (Protocols::HTTP2, &["http/1.1"], Err(())),
        (Protocols::HTTP2, &[], Err(())),
    ] {
        let tls = load(&TlsConfig { alpn, ..TlsConfig::from_pem_files(&chain, Some(key.clone())) });
        let mut client = authority.client(None);
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        match (meet(&tls, client, "a.example").await, expected) {
            (Ok(met), Ok(expected)) => assert_eq!(met.facts.alpn.as_deref(), expected, "{alpn:?} {offered:?}"),
            (Err(refused), Err(())) => refused.is_told("NoApplicationProtocol", ""),
            (met, _) => panic!("{alpn:?} {offered:?}: {met:?}"),
        }
    }
}

#[tokio::test]
async fn http_without_tls_is_answered_in_plain() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let (mut client, server) = tokio::io::duplex(1 << 16);
    client.write_all(b"GET / HTTP/1.1\r\nhost: a.example\r\n\r\n").await.expect("it is open");
    let asking = async {
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.expect("it is text");
        client.shutdown().await.expect("it is open");
        drop(client);
        answer
    };
    let clock = Clock::default();
    let (accepted, answer) = tokio::join!(tls.accept(server, &clock), asking);
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: "),
        "{answer}"
    );
    assert!(answer.ends_with(" GMT\r\n\r\n"), "{answer}");
    assert!(accepted.expect_err("it is no handshake").to_string().contains("HTTP without TLS"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_refusal_is_not_waited_for_long() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let (mut client, server) = tokio::io::duplex(16);
    client.write_all(b"GET / HTTP/1.1\r\n").await.expect("it is open");
    let (clock, hand) = Clock::manual();
    let (accepted, ()) = tokio::join!(tls.accept(server, &clock), hand.advance(Duration::from_secs(2)));
    accepted.expect_err("it is no handshake");
}

#[tokio::test]
async fn what_is_neither_tls_nor_http_is_told_in_an_alert_and_an_early_end_is_an_error() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let (mut client, server) = tokio::io::duplex(1 << 16);
    client.write_all(&[0x80; 64]).await.expect("it is open");
    let error = tls.accept(server, &Clock::default()).await.expect_err("it is no handshake");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("it is closed");
    assert_eq!(answer.first(), Some(&21), "{answer:?}");

    let (mut client, server) = tokio::io::duplex(1 << 16);
    client.write_all(&[22, 3, 1, 2, 0, 1]).await.expect("it is open");
    drop(client);
    let error = tls.accept(server, &Clock::default()).await.expect_err("it is half a hello");
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn a_hello_that_comes_byte_by_byte_is_understood() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let (client, near) = tokio::io::duplex(1 << 16);
    let (far, server) = tokio::io::duplex(1 << 16);
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (split(near), split(far));
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    tokio::spawn(async move {
        while let Ok(byte) = from_client.read_u8().await {
            to_server.write_u8(byte).await?;
            tokio::task::yield_now().await;
        }
        to_server.shutdown().await
    });
    let met = meet_over((client, server), &tls, authority.client(None), "a.example").await;
    assert_eq!(met.expect("all is well").facts.protocol, "TLSv1.3");
}
