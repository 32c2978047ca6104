//! Certificates for tests, made when they are needed: nothing expires in the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// An authority that signs what it is asked to.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(super) struct Issued {
    pub(super) der: CertificateDer<'static>,
    pub(super) pem: String,
    pub(super) key: KeyPair,
}

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("there is entropy");
        Self(CertifiedIssuer::self_signed(Self::params(name), key).expect("it is well formed"))
    }

    /// An authority in between.
    pub(super) fn below(&self, name: &str) -> Self {
        let key = KeyPair::generate().expect("there is entropy");
        Self(CertifiedIssuer::signed_by(Self::params(name), key, &self.0).expect("it is well formed"))
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = named(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    pub(super) fn issue(&self, name: &str) -> Issued {
        self.issue_with(name, KeyPair::generate().expect("there is entropy"), |_| {})
    }

    pub(super) fn issue_with(&self, name: &str, key: KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = named(name);
        params.subject_alt_names =
            vec![rcgen::SanType::DnsName(name.replace(' ', "-").try_into().expect("it is ASCII"))];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let certificate = params.signed_by(&key, &self.0).expect("it is well formed");
        Issued { der: certificate.der().clone(), pem: certificate.pem(), key }
    }

    pub(super) fn certified(&self, name: &str) -> CertifiedKey {
        let issued = self.issue(name);
        CertifiedKey::from_der(vec![issued.der.clone()], issued.key(), &aws_lc_rs::default_provider())
            .expect("the key is its own")
    }

    /// A client that trusts this authority, with a certificate of its own or without.
    pub(super) fn client(&self, own: Option<&Issued>) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.der()).expect("it is an authority");
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("they are the default")
            .with_root_certificates(roots);
        match own {
            None => builder.with_no_client_auth(),
            Some(own) => builder.with_client_auth_cert(vec![own.der.clone()], own.key()).expect("the key is its own"),
        }
    }
}

impl Issued {
    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).expect("it was just made")
    }

    pub(super) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A folder of files, private as a server's should be.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        write_private(&path, content.as_ref());
        path
    }

    /// Writes a certificate and its key.
    pub(super) fn pair(&self, name: &str, issued: &Issued) -> (PathBuf, PathBuf) {
        (self.write(&format!("{name}.pem"), &issued.pem), self.write(&format!("{name}.key"), issued.key_pem()))
    }
}

/// Replaces what was there, as a program does that writes a file in place.
pub(super) fn write_private(path: &Path, content: &[u8]) {
    fs::write(path, content).expect("it is ours");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}
