//! What can be wrong with the files and names of TLS. Each message names the thing and the remedy, and never a password
//! or a key.

use std::io;
use std::path::{Path, PathBuf};

/// Why there is no TLS as it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// There is no certificate at all.
    #[error("TLS needs a certificate: configure one for all names, or one for each name")]
    NothingToShow,
    /// The system does not give the file.
    #[error("cannot read {}: {reason}{}", .file.display(), hint(.reason))]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// A file with a password is not UTF-8.
    #[error("the password in {} is not UTF-8; write it as text", .file.display())]
    PasswordNotText {
        /// The file.
        file: PathBuf,
    },
    /// It is a folder, a pipe or a device, which cannot be read again when the certificate is renewed.
    #[error("cannot read {}: it is not a regular file; give the path of one", .file.display())]
    NotAFile {
        /// What it is not.
        file: PathBuf,
    },
    /// It is larger than any certificate.
    #[error("cannot read {}: it is larger than {} MiB, and no certificate is; is it the right file?",
        .file.display(), .max >> 20)]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// How many bytes are read at most.
        max: u64,
    },
    /// It is neither PEM nor says so.
    #[error("{} is not PEM (text with BEGIN and END lines): {reason}", .file.display())]
    NotPem {
        /// The file.
        file: PathBuf,
        /// What it is, and the remedy.
        reason: String,
    },
    /// There is no certificate in it.
    #[error("{} contains no certificate{}", .file.display(), instead(.found, "; are certificate and key swapped?"))]
    NoCertificate {
        /// The file.
        file: PathBuf,
        /// The names of the PEM sections that are in it.
        found: Vec<String>,
    },
    /// A certificate in it makes no sense.
    #[error("the certificate in {} cannot be used: {reason}", .file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// There is no private key in it.
    #[error("{} contains no private key{}; if the key is in another file, give that file with --tls-key",
        .file.display(), instead(.found, ""))]
    NoKey {
        /// The file.
        file: PathBuf,
        /// The names of the PEM sections that are in it.
        found: Vec<String>,
    },
    /// Its private key has a password.
    #[error("the private key in {} is encrypted, and Windhover reads PEM keys without a password: decrypt it \
        (openssl pkey -in {} -out decrypted.pem, readable by the server's user only), or use a PKCS#12 file",
        .file.display(), .file.display())]
    KeyEncrypted {
        /// The file.
        file: PathBuf,
    },
    /// Its private key is of no kind that can be used.
    #[error("the private key in {} cannot be used: {reason}", .file.display())]
    Key {
        /// The file.
        file: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// The private key is another certificate's.
    #[error("the private key in {} does not belong to the certificate in {}: give the key that was used to request the \
        certificate", .key.display(), .certificate.display())]
    KeyMismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
    /// The private key is of a certificate that is not the first of the chain.
    #[error("the certificates in {} are in the wrong order: the server's own must come first, then the one that \
        signed it, and so on", .file.display())]
    ChainOrder {
        /// The file.
        file: PathBuf,
    },
    /// A PKCS#12 file brings its key with it.
    #[error("{} is a PKCS#12 file, which contains its key; remove the key {}", .file.display(), .key.display())]
    KeyBesidesPkcs12 {
        /// The PKCS#12 file.
        file: PathBuf,
        /// The key that is too much.
        key: PathBuf,
    },
    /// A PEM file has no password.
    #[error("{} is read as a PEM file, which has no password; remove the password, or give a PKCS#12 \
        file (.p12 or .pfx)", .file.display())]
    PasswordBesidesPem {
        /// The PEM file.
        file: PathBuf,
    },
    /// The password does not open the PKCS#12 file.
    #[error("the password does not open {}, or the file is damaged: try openssl pkcs12 -info -in {}",
        .file.display(), .file.display())]
    Pkcs12Password {
        /// The file.
        file: PathBuf,
    },
    /// It is no PKCS#12 file, or of a kind that is not read.
    #[error("cannot use {} as a PKCS#12 file: {reason}", .file.display())]
    Pkcs12 {
        /// The file.
        file: PathBuf,
        /// What is wrong, and the remedy.
        reason: String,
    },
    /// A name that no client can ask for.
    #[error("{name:?} cannot be a server name for TLS: {reason}")]
    Name {
        /// The name as given.
        name: String,
        /// What is wrong, and what to write instead.
        reason: &'static str,
    },
    /// A name has two certificates.
    #[error("the server name {name:?} has two certificates: give it one")]
    NameTwice {
        /// The name in lower case.
        name: String,
    },
    /// An authority that could vouch for no client.
    #[error("the authority in {} cannot be used to check clients: {reason}", .file.display())]
    Authority {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Clients are to be checked against nothing.
    #[error(
        "client certificates need authorities to check them against: give a file of PEM certificates with \
        --tls-client-ca"
    )]
    AuthoritiesMissing,
    /// Nobody is checked against the authorities.
    #[error("the authorities in {} have no effect, because the server does not request client certificates: set \
        --tls-client-cert require, or allow", .file.display())]
    AuthoritiesUnused {
        /// The file.
        file: PathBuf,
    },
    /// A word that no option knows.
    #[error("{text} is not known here; there is {known}")]
    Option {
        /// The word.
        text: String,
        /// Those that are known.
        known: &'static str,
    },
    /// rustls refuses what it was given. No configuration is known that leads here.
    #[error("TLS cannot be set up: {reason}")]
    Library {
        /// Its reason.
        reason: String,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "; check the path",
        io::ErrorKind::PermissionDenied => "; let the user that runs the server read it, and nobody else",
        _ => "",
    }
}

/// What there is instead, and what that suggests if it is a key.
fn instead(labels: &[String], if_key: &str) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let hint = if labels.iter().any(|label| label.ends_with("PRIVATE KEY")) { if_key } else { "" };
    format!(", only {}{hint}", labels.join(", "))
}

/// A certificate that cannot be used, or the authorities for clients, beside others that can.
#[derive(Debug, thiserror::Error)]
#[error("{error}; {}", remains(*.is_kept))]
pub struct TlsFailure {
    /// What is wrong with it.
    pub error: TlsError,
    /// What was read of it before stays in use. Else clients that need it are refused.
    pub is_kept: bool,
}

fn remains(is_kept: bool) -> &'static str {
    if is_kept { "the previous version stays in use" } else { "clients that need it are refused until it is valid" }
}

/// What is no reason not to serve, and what the operator should know all the same. Logged whenever files are loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsWarning {
    /// A certificate's time is over.
    #[error("the certificate of {subject} in {} expired on {date}, and clients will refuse it: renew it", .file.display())]
    Expired {
        /// Its file.
        file: PathBuf,
        /// Whom it is for.
        subject: String,
        /// The date and time, in UTC.
        date: String,
    },
    /// A certificate's time has not begun.
    #[error("the certificate of {subject} in {} is not valid before {date}, and clients will refuse it until then: is \
        this machine's clock right?", .file.display())]
    NotYetValid {
        /// Its file.
        file: PathBuf,
        /// Whom it is for.
        subject: String,
        /// The date and time, in UTC.
        date: String,
    },
    /// A certificate is served under a name that it is not for.
    #[error("the certificate in {} is not valid for {name}, and clients that ask for that name will refuse it",
        .file.display())]
    NotForName {
        /// Its file.
        file: PathBuf,
        /// The name, or the wildcard, under which it is served.
        name: String,
    },
    /// Everybody on this machine can read a private key.
    #[error("every user of this machine can read the private key in {}: chmod 600 {}", .file.display(),
        .file.display())]
    KeyReadable {
        /// Its file.
        file: PathBuf,
    },
}

impl TlsError {
    pub(super) fn library(reason: impl std::fmt::Display) -> Self {
        Self::Library { reason: reason.to_string() }
    }

    pub(super) fn unreadable(file: &Path, reason: io::Error) -> Self {
        Self::Unreadable { file: file.to_owned(), reason }
    }
}
