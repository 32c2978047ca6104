//! Sessions that are resumed.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio_rustls::rustls::pki_types::UnixTime;
use tokio_rustls::rustls::time_provider::TimeProvider;

use super::*;

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
    let end = std::time::SystemTime::now() + Duration::from_secs(60);
    let own = authority.issue_with("brief client", key(), |params| params.not_after = end.into());
    let (chain, server_key) = folder.pair("server", &authority.issue("a.example"));
    let authorities = folder.write("clients.pem", authority.pem());
    let client_certificates = ClientCertificates::Require { authorities };
    let tls = load(&TlsConfig { client_certificates, ..TlsConfig::from_pem_files(chain, Some(server_key)) });
    let ahead = Arc::new(Ahead::default());
    {
        let mut current = tls.current.write();
        let setup = Arc::get_mut(&mut current).expect("no handshake has begun");
        Arc::make_mut(&mut setup.server).time_provider = Arc::clone(&ahead) as Arc<dyn TimeProvider>;
    }
    let client = restrict(authority.client(Some(&own)), &authority, Some(&own), &TLS12);
    meet(&tls, client.clone(), "a.example").await.expect("it holds yet");
    ahead.0.store(120, Ordering::Relaxed);
    let refused = meet(&tls, client, "a.example").await.expect_err("it has expired");
    refused.is_told("", "xpired");
}

/// The system's time, and so many seconds more.
#[derive(Debug, Default)]
struct Ahead(AtomicU64);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let now = UnixTime::now().as_secs() + self.0.load(Ordering::Relaxed);
        Some(UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}
