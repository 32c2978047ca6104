//! PKCS#12 files (RFC 7292). The certificate of a key is found by trying, and not by the ids in the file, which some
//! programs omit. The chain is ordered by the names of the issuers.

use std::path::Path;

use p12_keystore::error::Error;
use p12_keystore::{Certificate, Pkcs12Archive};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::error::TlsError;

/// The content of a PKCS#12 file: at least one certificate and one key.
pub(super) struct Content {
    certificates: Vec<Certificate>,
    keys: Vec<PrivateKeyDer<'static>>,
}

/// Opens a file. Takes a second at most, and less with common iteration counts.
pub(super) fn open(file: &Path, bytes: &[u8], password: &str) -> Result<Content, TlsError> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| refusal(file, bytes, &error))?;
    let certificates: Vec<_> = archive.certs.into_iter().map(|bag| bag.cert).collect();
    let keys: Vec<_> =
        archive.keys.iter().map(|bag| PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()).into()).collect();
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned(), found: Vec::new() });
    }
    if keys.is_empty() {
        let reason = "it contains no private key; was it exported without one?".to_owned();
        return Err(TlsError::Pkcs12 { file: file.to_owned(), reason });
    }
    Ok(Content { certificates, keys })
}

fn refusal(file: &Path, bytes: &[u8], error: &Error) -> TlsError {
    let file = file.to_owned();
    let reason = match error {
        // A file without a checksum has only its padding to tell a wrong password by.
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => return TlsError::Pkcs12Password { file },
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            "its encryption is not supported; export it again with openssl pkcs12 -export".to_owned()
        }
        Error::InvalidParameters => "opening it would take too much time or memory; export it again with fewer \
             iterations"
            .to_owned(),
        _ if bytes.starts_with(b"-----BEGIN ") => "it is PEM; name it .pem, with its key".to_owned(),
        other => format!("it is not PKCS#12, or damaged ({other})"),
    };
    TlsError::Pkcs12 { file, reason }
}

impl Content {
    /// The chain of the first key that has a certificate here. `fit` tells whether the two belong together.
    pub(super) fn chain(
        self,
        file: &Path,
        fit: impl Fn(CertificateDer<'static>, PrivateKeyDer<'static>) -> Result<CertifiedKey, TlsError>,
    ) -> Result<CertifiedKey, TlsError> {
        for key in &self.keys {
            for own in &self.certificates {
                match fit(own.as_der().to_vec().into(), key.clone_key()) {
                    Ok(mut certified) => {
                        certified.cert = self.chain_of(own);
                        return Ok(certified);
                    }
                    Err(TlsError::KeyMismatch { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Err(TlsError::KeyMismatch { certificate: file.to_owned(), key: file.to_owned() })
    }

    fn chain_of<'a>(&'a self, own: &'a Certificate) -> Vec<CertificateDer<'static>> {
        let mut chain = vec![own];
        let mut last = own;
        while let Some(issuer) = self.certificates.iter().find(|other| other.subject() == last.issuer())
            && !chain.contains(&issuer)
        // the last has signed itself, or two have signed each other
        {
            chain.push(issuer);
            last = issuer;
        }
        chain.into_iter().map(|certificate| certificate.as_der().to_vec().into()).collect()
    }
}
