//! TLS for tests: certificates that are made when they are needed, so that nothing expires in the repository; those of
//! most tests once in a process.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use windhover_http::{Tls, TlsConfig};

/// An authority that signs what it is asked to.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub struct Issued {
    /// The certificate.
    pub der: CertificateDer<'static>,
    /// The same, as text.
    pub pem: String,
    key: KeyPair,
}

/// The authority that clients of tests trust.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(|| Authority::new("the authority"))
}

/// The certificate of `localhost`, by that authority.
pub fn certificate() -> &'static Issued {
    static CERTIFICATE: OnceLock<Issued> = OnceLock::new();
    CERTIFICATE.get_or_init(|| authority().issue("localhost"))
}

impl Authority {
    /// One that nobody else knows.
    pub fn new(name: &str) -> Self {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, new_key()).expect("it is well formed"))
    }

    /// Its own certificate.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for a server of that name, or for a client.
    pub fn issue(&self, name: &str) -> Issued {
        let (mut params, key) = (named(name), new_key());
        params.subject_alt_names = vec![rcgen::SanType::DnsName(name.try_into().expect("it is ASCII"))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let certificate = params.signed_by(&key, &self.0).expect("it is well formed");
        Issued { der: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("there is entropy")
}

/// A client that offers these protocols by ALPN, with a certificate of its own or without.
pub fn client(alpn: &[&str], own: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority().0.der().clone()).expect("it is an authority");
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("they are the default")
        .with_root_certificates(roots);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let key = PrivateKeyDer::try_from(own.key.serialize_der()).expect("it was just made");
            builder.with_client_auth_cert(vec![own.der.clone()], key).expect("the key is its own")
        }
    };
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// A server's folder of certificates, private as it should be.
pub struct Folder(TempDir);

impl Folder {
    /// An empty folder.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Where a file of that name is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, or replaces it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_private(&path, content.as_ref());
        path
    }

    /// Writes a certificate and its key, in one file.
    pub fn write_certificate(&self, name: &str, issued: &Issued) -> PathBuf {
        self.write(name, issued.pem.clone() + &issued.key.serialize_pem())
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

fn write_private(path: &Path, content: &[u8]) {
    std::fs::write(path, content).expect("it is ours");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}

/// The TLS of a server at work.
pub struct Secured {
    /// Where its certificates are: its own is `localhost.pem`.
    pub folder: Folder,
    /// What the server uses.
    pub tls: Arc<Tls>,
}

impl Secured {
    /// With the certificate of `localhost`, all else changed as a test needs.
    pub(crate) fn new(change: impl FnOnce(&mut TlsConfig, &Folder)) -> Self {
        let folder = Folder::new();
        let mut config = TlsConfig::from_pem_files(folder.write_certificate("localhost.pem", certificate()), None);
        change(&mut config, &folder);
        Self { tls: Arc::new(Tls::load(config).expect("a test's certificates are good")), folder }
    }
}
