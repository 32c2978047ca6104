//! Handshakes of a rustls client over a pipe, and files that are good, bad and renewed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey, PrivateKeyChain,
};
use rcgen::{KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, HandshakeKind, SupportedProtocolVersion};
use windhover_contract::Tls as Facts;

use super::testing::{Authority, Folder, Issued};
use super::*;
use crate::protocols::Protocols;

// ---- what a handshake comes to

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
        (Protocols::Http1AndHttp2, &["http/1.1", "h2"][..], Ok(Some("h2"))),
        (Protocols::Http1AndHttp2, &["http/1.1"], Ok(Some("http/1.1"))),
        (Protocols::Http1AndHttp2, &[], Ok(None)),
        (Protocols::Http1AndHttp2, &["http/1.0", "h3"], Err(())),
        (Protocols::Http1, &["h2", "http/1.1"], Ok(Some("http/1.1"))),
        (Protocols::Http1, &["h2"], Err(())),
        (Protocols::Http1, &[], Ok(None)),
        (Protocols::Http2, &["http/1.1", "h2"], Ok(Some("h2"))),
        (Protocols::Http2, &["http/1.1"], Err(())),
        (Protocols::Http2, &[], Err(())),
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
    let (clock, hand) = Clock::by_hand();
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
async fn a_hello_that_comes_octet_by_octet_is_understood() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let (client, near) = tokio::io::duplex(1 << 16);
    let (far, server) = tokio::io::duplex(1 << 16);
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (split(near), split(far));
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    tokio::spawn(async move {
        while let Ok(octet) = from_client.read_u8().await {
            to_server.write_u8(octet).await?;
            tokio::task::yield_now().await;
        }
        to_server.shutdown().await
    });
    let met = meet_over((client, server), &tls, authority.client(None), "a.example").await;
    assert_eq!(met.expect("all is well").facts.protocol, "TLSv1.3");
}

// ---- sessions that are resumed

#[tokio::test]
async fn sessions_are_resumed_also_after_the_certificate_was_renewed() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    for version in [&TLS12, &TLS13] {
        let tls = serving(&folder, &authority.issue("a.example"));
        let client = speaks(&authority, version);
        let met = meet(&tls, client.clone(), "a.example").await.expect("all is well");
        assert_ne!(met.kind, Some(HandshakeKind::Resumed));
        let met = meet(&tls, client.clone(), "a.example").await.expect("all is well");
        assert_eq!(met.kind, Some(HandshakeKind::Resumed), "{version:?}");
        folder.pair("server", &authority.issue("a.example"));
        tls.reload().expect("it is good");
        let met = meet(&tls, client, "a.example").await.expect("all is well");
        assert_eq!(met.kind, Some(HandshakeKind::Resumed), "{version:?}");
    }
}

#[tokio::test]
async fn a_client_of_tls_1_2_without_tickets_is_resumed_too() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let tls = serving(&folder, &authority.issue("a.example"));
    let mut client = speaks(&authority, &TLS12);
    client.resumption = Resumption::in_memory_sessions(8)
        .tls12_resumption(tokio_rustls::rustls::client::Tls12Resumption::SessionIdOnly);
    meet(&tls, client.clone(), "a.example").await.expect("all is well");
    let met = meet(&tls, client, "a.example").await.expect("all is well");
    assert_eq!(met.kind, Some(HandshakeKind::Resumed));
}

#[tokio::test]
async fn a_resumed_session_still_tells_the_client_and_ends_with_its_authority() {
    for version in [&TLS12, &TLS13] {
        let (authority, folder) = (Authority::new("ca"), Folder::new());
        let own = authority.issue("good client");
        let (chain, key) = folder.pair("server", &authority.issue("a.example"));
        let authorities = folder.write("clients.pem", authority.pem());
        let client_certificates = ClientCertificates::Require { authorities };
        let tls = load(&TlsConfig { client_certificates, ..TlsConfig::from_pem_files(chain, Some(key)) });
        let client = restrict(authority.client(Some(&own)), &authority, Some(&own), version);
        meet(&tls, client.clone(), "a.example").await.expect("it holds");
        let met = meet(&tls, client.clone(), "a.example").await.expect("it holds");
        assert_eq!(met.kind, Some(HandshakeKind::Resumed), "{version:?}");
        assert_eq!(met.facts.client_certificates, [own.der.to_vec()]);

        folder.write("clients.pem", Authority::new("other").pem());
        tls.reload().expect("it is good");
        let refused = meet(&tls, client, "a.example").await.expect_err("its authority has gone");
        refused.is_told("", "UnknownIssuer");
    }
}

#[tokio::test]
async fn a_session_of_a_client_whose_certificate_has_expired_is_not_resumed() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let end = std::time::SystemTime::now() + Duration::from_secs(2);
    let own = authority.issue_with("brief client", key(), |params| params.not_after = end.into());
    let (chain, server_key) = folder.pair("server", &authority.issue("a.example"));
    let authorities = folder.write("clients.pem", authority.pem());
    let client_certificates = ClientCertificates::Require { authorities };
    let tls = load(&TlsConfig { client_certificates, ..TlsConfig::from_pem_files(chain, Some(server_key)) });
    let client = restrict(authority.client(Some(&own)), &authority, Some(&own), &TLS12);
    meet(&tls, client.clone(), "a.example").await.expect("it holds yet");
    let over = end + Duration::from_millis(1100); // certificates know seconds
    tokio::time::sleep(over.duration_since(std::time::SystemTime::now()).unwrap_or_default()).await;
    let refused = meet(&tls, client, "a.example").await.expect_err("it has expired");
    refused.is_told("", "xpired");
}

// ---- renewal

#[tokio::test]
async fn a_renewed_certificate_is_taken_once_both_files_are_there() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    let tls = Arc::new(serving(&folder, &old));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    assert_eq!(follower.step(), Step::Same);
    folder.write("server.pem", &new.pem);
    assert_eq!(follower.step(), Step::Patient, "the key is still the old one");
    assert_eq!(shown(&tls, &authority).await, old.der);
    assert_eq!(follower.step(), Step::Failing);
    assert_eq!(follower.step(), Step::Failing);
    folder.write("server.key", new.key_pem());
    assert_eq!(follower.step(), Step::Renewed);
    assert_eq!(shown(&tls, &authority).await, new.der);
    assert_eq!(follower.step(), Step::Same);
}

#[cfg(unix)]
#[tokio::test]
async fn a_folder_that_is_swapped_by_its_symbolic_link_is_taken_at_once() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    for (name, issued) in [("1", &old), ("2", &new)] {
        fs::create_dir(folder.path(name)).expect("it is ours");
        folder.pair(&format!("{name}/tls"), issued);
    }
    // As Kubernetes mounts a secret: the files are links into a folder that is a link.
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path(name)).expect("it is ours");
    link("1", "data");
    link("data/tls.pem", "tls.pem");
    link("data/tls.key", "tls.key");
    let tls = Arc::new(load(&TlsConfig::from_pem_files(folder.path("tls.pem"), Some(folder.path("tls.key")))));
    let mut follower = Follower { tls: Arc::clone(&tls), failure: None };
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Same, old.der));
    link("2", "new");
    fs::rename(folder.path("new"), folder.path("data")).expect("it is ours");
    assert_eq!((follower.step(), shown(&tls, &authority).await), (Step::Renewed, new.der));
}

#[tokio::test]
async fn a_bad_new_certificate_leaves_the_old_one_in_use() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let old = authority.issue("a.example");
    let tls = serving(&folder, &old);
    for bad in
        ["", "-----BEGIN CERTIFICATE-----\nAAAA", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        folder.write("server.pem", bad);
        let error = tls.reload().expect_err("it is no certificate").to_string();
        assert!(error.contains("server.pem"), "{error}");
        assert_eq!(shown(&tls, &authority).await, old.der);
    }
    fs::remove_file(folder.path("server.pem")).expect("it is there");
    let error = tls.reload().expect_err("it is gone").to_string();
    assert!(error.contains("server.pem") && error.contains("check the path"), "{error}");
    assert_eq!(shown(&tls, &authority).await, old.der);
    folder.write("server.pem", &old.pem);
    tls.reload().expect("it is back");
}

#[tokio::test]
async fn whoever_follows_gets_there_in_the_end() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (old, new) = (authority.issue("a.example"), authority.issue("a.example"));
    let tls = Arc::new(serving(&folder, &old));
    let following = tokio::spawn(Arc::clone(&tls).follow(Duration::ZERO));
    folder.pair("server", &new);
    let arrives = async {
        while shown(&tls, &authority).await != new.der {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), arrives).await.expect("it is looked at again and again");
    following.abort();
}

// ---- files

#[tokio::test]
async fn every_form_of_key_is_read_and_the_chain_is_shown_whole() {
    let root = Authority::new("root");
    let (between, folder) = (root.below("between"), Folder::new());
    let rsa = KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).expect("there is entropy");
    let rsa = between.issue_with("a.example", rsa, |_| {});
    let rsa_der = rsa.key.serialize_der();
    // PKCS#8 is the inner form within an envelope that ends with it.
    let pkcs1 = section("RSA PRIVATE KEY", &rsa_der[26..]);
    let ec = between.issue("a.example");
    let sec1 = section("EC PRIVATE KEY", &sec1(&ec.key.serialize_der()));
    let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).expect("there is entropy");
    let ed = between.issue_with("a.example", ed, |_| {});
    let parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";
    for (issued, key, what) in [
        (&rsa, rsa.key_pem(), "RSA PKCS#8"),
        (&rsa, pkcs1, "RSA PKCS#1"),
        (&ec, ec.key_pem(), "EC PKCS#8"),
        (&ec, format!("{parameters}{sec1}"), "EC SEC 1"),
        (&ed, ed.key_pem(), "Ed25519"),
        (&ec, format!("{}{}", rsa.key_pem(), ec.key_pem()), "the second of two"),
    ] {
        let chain = format!("of a.example\n{}{}", issued.pem, between.pem());
        let two = folder.write("chain.pem", &chain);
        let tls = load(&TlsConfig::from_pem_files(two, Some(folder.write("key.pem", &key))));
        let met = meet(&tls, root.client(None), "a.example").await.expect(what);
        assert_eq!((&met.shown, met.length), (&issued.der, 2), "{what}");
        let one = folder.write("all.pem", format!("{key}{chain}").replace('\n', "\r\n"));
        let tls = load(&TlsConfig::from_pem_files(one, None));
        meet(&tls, root.client(None), "a.example").await.expect(what);
    }
}

#[tokio::test]
async fn pkcs12_files_are_read_whatever_order_and_encryption_they_have() {
    let root = Authority::new("root");
    let (between, folder) = (root.below("between"), Folder::new());
    let own = between.issue("a.example");
    let source =
        |password: &str| CertificateSource::Pkcs12 { file: folder.path("a.p12"), password: password.to_owned().into() };
    for (encryption, mac) in [
        (EncryptionAlgorithm::PbeWithHmacSha256AndAes256, MacAlgorithm::HmacSha256),
        (EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc, MacAlgorithm::HmacSha1),
    ] {
        for chain in [[&own.der, &between.der(), &root.der()], [&own.der, &root.der(), &between.der()]] {
            let bytes = pkcs12(&own, &chain, "geheim").encryption_algorithm(encryption).mac_algorithm(mac).write();
            folder.write("a.p12", bytes.expect("it is well formed"));
            let tls = load(&source("geheim").into());
            let met = meet(&tls, root.client(None), "a.example").await.expect("all is well");
            assert_eq!((&met.shown, met.length), (&own.der, 3));
        }
        let error = Tls::load(source("falsch").into()).expect_err("it is not the password").to_string();
        assert!(error.contains("a.p12") && error.contains("the password does not open"), "{error}");
        assert!(!error.contains("falsch") && !format!("{:?}", source("falsch")).contains("falsch"), "{error}");
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_the_remedy() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let (own, other) = (authority.issue("a.example"), authority.issue("b.example"));
    let (good, good_key) = folder.pair("good", &own);
    let good_key = || Some(good_key.clone());
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let rfc1421 = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let file = |name: &str, content: &str| folder.write(name, content);
    let pem = |chain: &Path, key: Option<PathBuf>| TlsConfig::from_pem_files(chain, key);
    let clients = |name: &str, content: &str| TlsConfig {
        client_certificates: ClientCertificates::Require { authorities: folder.write(name, content) },
        ..pem(&good, good_key())
    };
    let p12 = |name: &str, content: &[u8]| {
        let file = folder.write(name, content);
        TlsConfig::from(CertificateSource::Pkcs12 { file, password: Password::default() })
    };
    let cases = [
        (TlsConfig::default(), &["TLS needs a certificate"][..]),
        (pem(&folder.path("nowhere"), None), &["nowhere", "check the path"]),
        (pem(&folder.path("."), None), &["it is not a file"]),
        (pem(&file("large", &"-".repeat((1 << 20) + 1)), None), &["large", "larger than 1 MiB"]),
        (pem(&file("empty", ""), good_key()), &["empty", "it is empty"]),
        (pem(&file("text", "hello"), good_key()), &["text", "is it the right file?"]),
        (pem(&folder.write("der", &own.der), good_key()), &["der", "it is binary", "-inform DER"]),
        (pem(&file("cut", &own.pem[..100]), good_key()), &["cut", "was it cut off?"]),
        (pem(&file("edited", &own.pem.replace('M', "?")), good_key()), &["edited", "not base64"]),
        (pem(&folder.path("good.key"), good_key()), &["no certificate in", "only PRIVATE KEY", "swapped?"]),
        (pem(&good, None), &["no private key in", "only CERTIFICATE", "--tls-key"]),
        (pem(&good, Some(file("e1", encrypted))), &["e1", "is encrypted", "openssl pkey -in"]),
        (pem(&good, Some(file("e2", rfc1421))), &["e2", "is encrypted"]),
        (pem(&file("e3", &format!("{}{rfc1421}", own.pem)), None), &["e3", "is encrypted"]),
        (pem(&good, Some(file("ssh", &encrypted.replace("ENCRYPTED", "OPENSSH")))), &["ssh", "OpenSSH key"]),
        (pem(&good, Some(file("odd", &encrypted.replace("ENCRYPTED ", "")))), &["odd", "cannot be used", "Ed25519"]),
        (pem(&good, Some(file("other", &other.key_pem()))), &["other", "does not belong to", "good.pem"]),
        (pem(&file("order", &format!("{}{}", authority.pem(), own.pem)), good_key()), &["order", "must come first"]),
        (pem(&file("not", &section("CERTIFICATE", &[0x30, 0])), good_key()), &["not", "cannot be used"]),
        (clients("ca1", &own.key_pem()), &["no certificate in", "ca1"]),
        (clients("ca2", &section("CERTIFICATE", &[0x30, 0])), &["the authority in", "ca2"]),
        (p12("1.p12", b"hello"), &["1.p12", "it is none, or damaged"]),
        (p12("2.p12", own.pem.as_bytes()), &["2.p12", "it is PEM"]),
        (
            p12("3.p12", &pkcs12(&own, &[&other.der], "").write().expect("it is well formed")),
            &["3.p12", "does not belong"],
        ),
        (p12("4.p12", &without_key(&own)), &["4.p12", "exported without?"]),
    ];
    for (config, expected) in cases {
        let error = Tls::load(config).expect_err(expected[0]).to_string();
        for part in expected {
            assert!(error.contains(part), "{part:?} is not in: {error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new();
    let socket = folder.path("pipe");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("it is ours");
    let error = Tls::load(TlsConfig::from_pem_files(socket, None)).expect_err("it is no file").to_string();
    assert!(error.contains("it is not a file"), "{error}");
}

#[test]
fn options_that_do_not_go_together_are_refused() {
    let of = |file: &str, key: Option<&str>, password: Option<&str>| {
        let password = password.map(|password| Password::from(password.to_owned()));
        CertificateSource::from_options(file.into(), key.map(PathBuf::from), password)
    };
    assert_eq!(
        of("a.pem", None, None).expect("it is PEM"),
        CertificateSource::Pem { chain: "a.pem".into(), key: None }
    );
    assert!(matches!(of("a.PFX", None, None), Ok(CertificateSource::Pkcs12 { .. })));
    let error = of("a.p12", Some("a.key"), None).expect_err("it has one").to_string();
    assert_eq!(error, "a.p12 is a PKCS#12 file, which holds its key; leave out the key a.key");
    let error = of("a.pem", None, Some("geheim")).expect_err("it needs none").to_string();
    assert!(error.starts_with("a.pem is taken for a PEM file") && !error.contains("geheim"), "{error}");
}

#[test]
fn what_is_odd_is_a_warning_and_no_error() {
    let (authority, folder) = (Authority::new("ca"), Folder::new());
    let warnings = |issued: &Issued, change: &dyn Fn(&mut TlsConfig)| {
        let (chain, key) = folder.pair("server", issued);
        let mut config = TlsConfig::from_pem_files(chain, Some(key));
        change(&mut config);
        let mut warnings = Vec::new();
        Setup::load(&config, None, &mut warnings).expect("it is odd and no error");
        warnings.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let good = authority.issue("a.example");
    assert_eq!(warnings(&good, &|_| {}), [""; 0]);

    let expired = authority.issue_with("a.example", key(), |params| params.not_after = date_time_ymd(2020, 2, 3));
    let told = warnings(&expired, &|config| {
        let again = config.certificate.clone().expect("it was just given");
        config.names = vec![("a.example".to_owned(), again)];
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("CN=a.example in ") && told[0].contains("server.pem expired on 2020-02-03 00:00 UTC"));

    let early = authority.issue_with("a.example", key(), |params| params.not_before = date_time_ymd(2999, 2, 3));
    let told = warnings(&early, &|_| {});
    assert!(told[0].contains("is not valid before 2999-02-03") && told[0].contains("clock"), "{told:?}");

    let told = warnings(&good, &|config| {
        config.names = vec![("*.b.example".to_owned(), config.certificate.clone().expect("it was just given"))];
    });
    assert!(told[0].contains("is not valid for *.b.example"), "{told:?}");

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let told = warnings(&good, &|config| {
            let key = config.certificate.as_ref().expect("it was just given").key_file();
            fs::set_permissions(key, fs::Permissions::from_mode(0o644)).expect("it is ours");
        });
        assert!(told[0].contains("server.key can be read by everybody") && told[0].contains("chmod 600"), "{told:?}");
    }
}

// ---- helpers

/// What came of a handshake on both sides.
#[derive(Debug)]
struct Met {
    facts: Facts,
    kind: Option<HandshakeKind>,
    /// The server's certificate as the client saw it, and how many came with it, itself included.
    shown: tokio_rustls::rustls::pki_types::CertificateDer<'static>,
    length: usize,
}

#[derive(Debug)]
struct Refused {
    client: String,
    server: String,
}

impl Refused {
    fn is_told(&self, alert: &str, reason: &str) {
        assert!(self.client.contains(alert), "{alert} is not in {self:?}");
        assert!(self.server.contains(reason), "{reason} is not in {self:?}");
    }
}

async fn meet(tls: &Tls, client: ClientConfig, name: &str) -> Result<Met, Refused> {
    meet_over(tokio::io::duplex(1 << 16), tls, client, name).await
}

/// Shakes hands and says one octet each way, which is when a client of TLS 1.3 learns that it was refused.
async fn meet_over(
    (client_end, server_end): (DuplexStream, DuplexStream),
    tls: &Tls,
    client: ClientConfig,
    name: &str,
) -> Result<Met, Refused> {
    let name = ServerName::try_from(name.to_owned()).expect("it is a name");
    let connecting = async {
        let mut stream = TlsConnector::from(Arc::new(client)).connect(name, client_end).await?;
        stream.write_all(b"?").await?;
        stream.flush().await?;
        stream.read_exact(&mut [0]).await?;
        let shown = stream.get_ref().1.peer_certificates().expect("a server shows one").to_vec();
        io::Result::Ok(shown)
    };
    let accepting = async {
        let mut stream = tls.accept(server_end, &Clock::default()).await?;
        stream.read_exact(&mut [0]).await?;
        stream.write_all(b"!").await?;
        stream.flush().await?;
        let connection = stream.get_ref().1;
        io::Result::Ok((facts(connection), connection.handshake_kind()))
    };
    let both = async { tokio::join!(connecting, accepting) };
    match tokio::time::timeout(Duration::from_secs(20), both).await.expect("neither waits for long") {
        (Ok(shown), Ok((facts, kind))) => {
            Ok(Met { facts, kind, length: shown.len(), shown: shown.into_iter().next().expect("it is not empty") })
        }
        (client, server) => {
            let text = |error: Option<io::Error>| error.map(|error| error.to_string()).unwrap_or_default();
            Err(Refused { client: text(client.err()), server: text(server.err()) })
        }
    }
}

async fn shown(tls: &Tls, authority: &Authority) -> tokio_rustls::rustls::pki_types::CertificateDer<'static> {
    meet(tls, authority.client(None), "a.example").await.expect("all is well").shown
}

fn serving(folder: &Folder, issued: &Issued) -> Tls {
    let (chain, key) = folder.pair("server", issued);
    load(&TlsConfig::from_pem_files(chain, Some(key)))
}

fn load(config: &TlsConfig) -> Tls {
    Tls::load(config.clone()).expect("it is good")
}

fn key() -> KeyPair {
    KeyPair::generate().expect("there is entropy")
}

fn speaks(authority: &Authority, version: &'static SupportedProtocolVersion) -> ClientConfig {
    restrict(authority.client(None), authority, None, version)
}

/// The same client with one version, which rustls lets nobody change later.
fn restrict(
    client: ClientConfig,
    authority: &Authority,
    own: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(authority.der()).expect("it is an authority");
    let builder = ClientConfig::builder_with_provider(Arc::clone(client.crypto_provider()))
        .with_protocol_versions(&[version])
        .expect("it is known")
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => builder.with_client_auth_cert(vec![own.der.clone()], own.key()).expect("the key is its own"),
    }
}

fn pkcs12<'a>(
    own: &Issued,
    chain: &[&tokio_rustls::rustls::pki_types::CertificateDer<'_>],
    password: &'a str,
) -> p12_keystore::Pkcs12Writer<'static, 'a> {
    let certificates = chain.iter().map(|der| Certificate::from_der(der).expect("it is one"));
    let key = PrivateKey::from_der(&own.key.serialize_der()).expect("it is one");
    let mut store = KeyStore::new();
    store.add_entry("a", KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("1", key, certificates)));
    let store: &'static KeyStore = Box::leak(Box::new(store)); // a test's, and small
    store.writer(password).encryption_iterations(10).mac_iterations(10)
}

fn without_key(own: &Issued) -> Vec<u8> {
    let mut store = KeyStore::new();
    store.add_entry("a", KeyStoreEntry::Certificate(Certificate::from_der(&own.der).expect("it is one")));
    store.writer("").write().expect("it is well formed")
}

/// A PEM section.
fn section(label: &str, der: &[u8]) -> String {
    let mut encoded = String::new();
    for (number, group) in der.chunks(3).enumerate() {
        let bits = group.iter().fold(0_u32, |bits, octet| bits << 8 | u32::from(*octet)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let digit = alphabet[(bits >> (18 - 6 * place)) as usize & 63];
            encoded.push(if place > group.len() { '=' } else { digit.into() });
        }
        if number % 16 == 15 {
            encoded.push('\n');
        }
    }
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", encoded.trim_end())
}

/// SEC 1's form of a P-256 key, with its curve, out of PKCS#8's.
fn sec1(pkcs8: &[u8]) -> Vec<u8> {
    // SEQUENCE { INTEGER 1, OCTET STRING (32), [0] OID prime256v1 }; the public key may be left out.
    let start = pkcs8.windows(5).position(|window| window == [2, 1, 1, 4, 32]).expect("P-256 in PKCS#8") + 5;
    let curve = [0xa0, 0x0a, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    [&[0x30, 49, 2, 1, 1, 4, 32][..], &pkcs8[start..start + 32], &curve].concat()
}
