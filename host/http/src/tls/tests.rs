//! Handshakes of a rustls client over a pipe, and files that are good, bad and renewed.

mod files;
mod handshakes;
mod renewal;
mod resumption;

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

/// Shakes hands and says one byte each way, which is when a client of TLS 1.3 learns that it was refused.
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
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
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
