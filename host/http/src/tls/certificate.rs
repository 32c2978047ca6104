//! A certificate with its chain and its key: where they come from, and whether they fit together. A key of another
//! certificate is an error here, and not in the first handshake.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};

use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use x509_parser::time::ASN1Time;

use super::error::{TlsError, TlsWarning};
use super::{pem, pkcs12};

/// Where a certificate, its chain and its key come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// PEM files.
    Pem {
        /// The server's own certificate first, then the one that signed it, and so on. The last one, which signed
        /// itself, may be left out, because clients have it.
        chain: PathBuf,
        /// The private key: PKCS#8, PKCS#1 or SEC 1, not encrypted. `None`: it is in the file of the chain.
        key: Option<PathBuf>,
    },
    /// A PKCS#12 file (RFC 7292) that contains all of it.
    Pkcs12 {
        /// The file, usually named `.p12` or `.pfx`.
        file: PathBuf,
        /// The password of the file. May be empty.
        password: Password,
    },
}

/// A password, which debug output does not show. Default: empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Secret);

#[derive(Clone, PartialEq, Eq)]
enum Secret {
    Text(String),
    File(PathBuf),
}

impl From<String> for Password {
    fn from(password: String) -> Self {
        Self(Secret::Text(password))
    }
}

impl Default for Password {
    fn default() -> Self {
        Self::from(String::new())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(..)")
    }
}

impl Password {
    /// The content of a file, without the line end that editors add. It is read together with the certificate, so that
    /// a renewed certificate may have another password.
    pub fn in_file(file: impl Into<PathBuf>) -> Self {
        Self(Secret::File(file.into()))
    }

    pub(super) fn file(&self) -> Option<&Path> {
        match &self.0 {
            Secret::Text(_) => None,
            Secret::File(file) => Some(file),
        }
    }

    pub(super) fn reveal(&self) -> Result<Cow<'_, str>, TlsError> {
        let file = match &self.0 {
            Secret::Text(text) => return Ok(Cow::Borrowed(text)),
            Secret::File(file) => file,
        };
        let text = String::from_utf8(pem::text(pem::read(file)?))
            .map_err(|_| TlsError::PasswordNotText { file: file.to_owned() })?;
        Ok(Cow::Owned(text.trim_end_matches(['\r', '\n']).to_owned()))
    }
}

impl CertificateSource {
    /// The meaning of the options of a command line. The extension `.p12` or `.pfx` means PKCS#12, which needs no
    /// separate key. PEM needs no password. This does not read the files.
    pub fn from_options(file: PathBuf, key: Option<PathBuf>, password: Option<Password>) -> Result<Self, TlsError> {
        let extension = file.extension().unwrap_or_default();
        if !["p12", "pfx"].iter().any(|known| extension.eq_ignore_ascii_case(known)) {
            return match password {
                None => Ok(Self::Pem { chain: file, key }),
                Some(_) => Err(TlsError::PasswordBesidesPem { file }),
            };
        }
        match key {
            None => Ok(Self::Pkcs12 { file, password: password.unwrap_or_default() }),
            Some(key) => Err(TlsError::KeyBesidesPkcs12 { file, key }),
        }
    }

    /// The file that holds the certificate.
    pub(super) fn file(&self) -> &Path {
        match self {
            Self::Pem { chain, .. } => chain,
            Self::Pkcs12 { file, .. } => file,
        }
    }

    /// The file that holds the key.
    pub(super) fn key_file(&self) -> &Path {
        match self {
            Self::Pem { key: Some(key), .. } => key,
            Self::Pem { chain: file, key: None } | Self::Pkcs12 { file, .. } => file,
        }
    }

    /// The file that holds the password, if there is one.
    pub(super) fn password_file(&self) -> Option<&Path> {
        match self {
            Self::Pem { .. } => None,
            Self::Pkcs12 { password, .. } => password.file(),
        }
    }

    /// Reads it. Adds warnings to `warnings`.
    pub(super) fn load(
        &self,
        provider: &CryptoProvider,
        warnings: &mut Vec<TlsWarning>,
    ) -> Result<CertifiedKey, TlsError> {
        let certified = match self {
            Self::Pem { chain, key } => {
                let bytes = pem::text(pem::read(chain)?);
                // First, because an encrypted key in the same file is no base64, which would be the error otherwise.
                let keys = match key {
                    None => pem::keys(chain, &bytes)?,
                    Some(key) => pem::keys(key, &pem::text(pem::read(key)?))?,
                };
                self.fit(pem::certificates(chain, &bytes)?, keys, provider)?
            }
            Self::Pkcs12 { file, password } => {
                let content = pkcs12::open(file, &pem::read(file)?, &password.reveal()?)?;
                content.chain(file, |own, key| self.fit(vec![own], vec![key], provider))?
            }
        };
        warnings.extend(certified.cert.iter().filter_map(|der| validity(self.file(), der)));
        if is_readable_by_all(self.key_file()) {
            warnings.push(TlsWarning::KeyReadable { file: self.key_file().to_owned() });
        }
        Ok(certified)
    }

    /// Finds the key of the first certificate.
    fn fit(
        &self,
        chain: Vec<CertificateDer<'static>>,
        keys: Vec<PrivateKeyDer<'static>>,
        provider: &CryptoProvider,
    ) -> Result<CertifiedKey, TlsError> {
        let (certificate, key) = (self.file().to_owned(), self.key_file().to_owned());
        let mut is_of_another = false;
        for der in keys {
            let signing = provider.key_provider.load_private_key(der).map_err(|error| TlsError::Key {
                file: key.clone(),
                reason: format!("{error}; use RSA with 2048 bits or more, ECDSA with P-256 or P-384, or Ed25519"),
            })?;
            let certified = CertifiedKey::new(chain.clone(), signing);
            match certified.keys_match() {
                Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => return Ok(certified),
                Err(Error::InconsistentKeys(_)) => {}
                Err(error) => return Err(TlsError::Certificate { file: certificate, reason: error.to_string() }),
            }
            is_of_another |= chain
                .iter()
                .any(|other| CertifiedKey::new(vec![other.clone()], certified.key.clone()).keys_match().is_ok());
        }
        Err(if is_of_another {
            TlsError::ChainOrder { file: certificate }
        } else {
            TlsError::KeyMismatch { certificate, key }
        })
    }
}

fn validity(file: &Path, der: &CertificateDer<'_>) -> Option<TlsWarning> {
    let (_, certificate) = x509_parser::parse_x509_certificate(der).ok()?;
    let (file, subject) = (file.to_owned(), certificate.subject().to_string());
    let (validity, now) = (certificate.validity(), ASN1Time::now());
    if now > validity.not_after {
        Some(TlsWarning::Expired { file, subject, date: date(validity.not_after) })
    } else if now < validity.not_before {
        Some(TlsWarning::NotYetValid { file, subject, date: date(validity.not_before) })
    } else {
        None
    }
}

fn date(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", time.hour(), time.minute())
}

/// Elsewhere than on Unix this depends on access lists, which are not checked.
#[cfg(unix)]
fn is_readable_by_all(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn is_readable_by_all(_file: &Path) -> bool {
    false
}
