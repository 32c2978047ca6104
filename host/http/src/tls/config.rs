//! The configuration of TLS as plain data: the certificate for each name, which clients may connect, and the protocols
//! inside.

use std::path::PathBuf;
use std::str::FromStr;

use super::certificate::CertificateSource;
use super::error::TlsError;
use crate::protocols::Protocols;

/// The TLS of an endpoint. [`super::Tls::load`] reads the files that it names.
///
/// Nothing else can be configured. The cipher suites and groups are those of rustls, all of which offer forward secrecy
/// and authenticated encryption (Mozilla's *intermediate*, or *modern* with [`TlsVersion::Tls13`]). There is no
/// renegotiation, no compression and no early data, which could be replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The certificate for clients that ask for none of `names`, or for no name at all, as clients do that connect to
    /// an IP address. Default and `None`: such clients are refused, so `names` must not be empty.
    pub certificate: Option<CertificateSource>,
    /// Certificates by the server name that a client asks for (SNI, RFC 6066 §3): `www.example.org`, or `*.example.org`
    /// for every name below `example.org` at any depth, but not for `example.org`. The exact name is preferred, then
    /// the longest wildcard, then `certificate`, as in Kestrel. Case does not matter. Two certificates for one name are
    /// an error. Default: none.
    pub names: Vec<(String, CertificateSource)>,
    /// Whether the server requests client certificates. Default: no.
    pub client_certificates: ClientCertificates,
    /// The oldest version of TLS that is accepted. Default: TLS 1.2.
    pub min_version: TlsVersion,
    /// The protocols inside TLS that ALPN agrees on (RFC 7301). A client that offers only other protocols is refused
    /// (`no_application_protocol`). A client without ALPN speaks HTTP/1.1, because HTTP/2 over TLS needs ALPN (RFC 9113
    /// §3.2); it is refused where only HTTP/2 is allowed. Default: HTTP/2 or HTTP/1.1.
    pub alpn: Protocols,
}

impl TlsConfig {
    /// One certificate for all names, and defaults for the rest. `key`: `None` if the key is in `chain` too. This does
    /// not read the files.
    pub fn from_pem_files(chain: impl Into<PathBuf>, key: Option<PathBuf>) -> Self {
        Self::from(CertificateSource::Pem { chain: chain.into(), key })
    }
}

impl From<CertificateSource> for TlsConfig {
    /// One certificate for all names, and defaults for the rest.
    fn from(certificate: CertificateSource) -> Self {
        Self { certificate: Some(certificate), ..Self::default() }
    }
}

/// Whether the server requests client certificates (Kestrel: `ClientCertificateMode`).
///
/// A certificate is checked against the authorities in a file of PEM certificates, and against nothing else: the
/// authorities of the system vouch for servers. It must be for client authentication and within its validity, and is
/// checked again when a session is resumed. Revocation is not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No request.
    #[default]
    None,
    /// A client may send none. An invalid certificate ends the handshake.
    Allow {
        /// The file of the authorities.
        authorities: PathBuf,
    },
    /// A client without a valid certificate gets no connection.
    Require {
        /// The file of the authorities.
        authorities: PathBuf,
    },
}

impl ClientCertificates {
    /// The meaning of the two options of a command line. An authority without `allow` or `require` is an error, and so
    /// is the reverse: either would be a check that is configured and never made.
    pub fn from_options(mode: ClientCertificateMode, authorities: Option<PathBuf>) -> Result<Self, TlsError> {
        match (mode, authorities) {
            (ClientCertificateMode::None, None) => Ok(Self::None),
            (ClientCertificateMode::Allow, Some(authorities)) => Ok(Self::Allow { authorities }),
            (ClientCertificateMode::Require, Some(authorities)) => Ok(Self::Require { authorities }),
            (ClientCertificateMode::None, Some(file)) => Err(TlsError::AuthoritiesUnused { file }),
            (ClientCertificateMode::Allow | ClientCertificateMode::Require, None) => Err(TlsError::AuthoritiesMissing),
        }
    }

    pub(super) fn authorities(&self) -> Option<&PathBuf> {
        match self {
            Self::None => None,
            Self::Allow { authorities } | Self::Require { authorities } => Some(authorities),
        }
    }
}

/// The text form of [`ClientCertificates`]: `none`, `allow` or `require`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientCertificateMode {
    /// [`ClientCertificates::None`].
    #[default]
    None,
    /// [`ClientCertificates::Allow`].
    Allow,
    /// [`ClientCertificates::Require`].
    Require,
}

impl FromStr for ClientCertificateMode {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        match text {
            "none" => Ok(Self::None),
            "allow" => Ok(Self::Allow),
            "require" => Ok(Self::Require),
            _ => Err(TlsError::Option { text: text.to_owned(), known: "none, allow or require" }),
        }
    }
}

/// A version of TLS. Older ones are broken (RFC 8996). Its text form is `1.2` or `1.3`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2, RFC 5246.
    #[default]
    Tls12,
    /// TLS 1.3, RFC 8446.
    Tls13,
}

impl FromStr for TlsVersion {
    type Err = TlsError;

    fn from_str(text: &str) -> Result<Self, TlsError> {
        match text {
            "1.2" => Ok(Self::Tls12),
            "1.3" => Ok(Self::Tls13),
            _ => Err(TlsError::Option { text: text.to_owned(), known: "1.2 or 1.3" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_understood_and_a_wrong_one_is_told_what_there_is() {
        assert_eq!("1.3".parse::<TlsVersion>().expect("it is known"), TlsVersion::Tls13);
        assert_eq!("allow".parse::<ClientCertificateMode>().expect("it is known"), ClientCertificateMode::Allow);
        let error = "1.1".parse::<TlsVersion>().expect_err("it is broken").to_string();
        assert_eq!(error, "1.1 is not known here; there is 1.2 or 1.3");
        let error = "maybe".parse::<ClientCertificateMode>().expect_err("it is nothing").to_string();
        assert_eq!(error, "maybe is not known here; there is none, allow or require");
    }

    #[test]
    fn a_check_without_authorities_is_refused_and_authorities_without_a_check_too() {
        let file = || Some(PathBuf::from("ca.pem"));
        let of = ClientCertificates::from_options;
        assert_eq!(of(ClientCertificateMode::None, None).expect("it is the default"), ClientCertificates::None);
        let expected = ClientCertificates::Require { authorities: "ca.pem".into() };
        assert_eq!(of(ClientCertificateMode::Require, file()).expect("both are there"), expected);
        let error = of(ClientCertificateMode::Allow, None).expect_err("nothing to check against").to_string();
        assert!(error.contains("need authorities") && error.contains("--tls-client-ca"), "{error}");
        let error = of(ClientCertificateMode::None, file()).expect_err("nobody is asked").to_string();
        assert!(error.contains("ca.pem") && error.contains("--tls-client-cert"), "{error}");
    }
}
