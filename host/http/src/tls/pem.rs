//! Files of PEM (RFC 7468): read with a bound, and taken apart into certificates and keys.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::TlsError;

/// Reads a file. Never waits: what is not a regular file, as a pipe, is refused.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |reason| TlsError::unreadable(file, reason);
    // Asked before it is opened: opening a pipe waits until somebody writes to it.
    if !std::fs::metadata(file).map_err(unreadable)?.is_file() {
        return Err(TlsError::NotAFile { file: file.to_owned() });
    }
    let mut bytes = Vec::new();
    File::open(file).and_then(|opened| opened.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(TlsError::TooLarge { file: file.to_owned(), max: MAX_FILE });
    }
    Ok(bytes)
}

/// The text of a file as UTF-8: without the mark that Windows editors begin it with, which else would hide the first
/// line, and from UTF-16, which PowerShell writes, where a mark says that it is.
pub(super) fn text(bytes: Vec<u8>) -> Vec<u8> {
    let decode = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, _) = rest.as_chunks::<2>();
        String::from_utf16_lossy(&units.iter().map(|pair| unit(*pair)).collect::<Vec<_>>()).into_bytes()
    };
    match &bytes[..] {
        [0xef, 0xbb, 0xbf, rest @ ..] => rest.to_vec(),
        [0xff, 0xfe, rest @ ..] => decode(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => decode(rest, u16::from_be_bytes),
        _ => bytes,
    }
}

/// All certificates of a file, in its order. At least one.
pub(super) fn certificates(file: &Path, bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    must_be_pem(file, bytes)?;
    let sections = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let certificates = sections.map_err(|error| not_pem(file, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate { file: file.to_owned(), found: labels(bytes) });
    }
    Ok(certificates)
}

/// All private keys of a file: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC). At least one.
pub(super) fn keys(file: &Path, bytes: &[u8]) -> Result<Vec<PrivateKeyDer<'static>>, TlsError> {
    must_be_pem(file, bytes)?;
    let labels = labels(bytes);
    // RFC 1421's header, which OpenSSL wrote before there was PKCS#8.
    if labels.iter().any(|label| label == "ENCRYPTED PRIVATE KEY") || holds(bytes, b"Proc-Type: 4,ENCRYPTED") {
        return Err(TlsError::KeyEncrypted { file: file.to_owned() });
    }
    if labels.iter().any(|label| label == "OPENSSH PRIVATE KEY") {
        let reason = "it is an OpenSSH key; create a key for TLS with openssl or an ACME client".to_owned();
        return Err(TlsError::Key { file: file.to_owned(), reason });
    }
    let sections = PrivateKeyDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let keys = sections.map_err(|error| not_pem(file, &error))?;
    if keys.is_empty() { Err(TlsError::NoKey { file: file.to_owned(), found: labels }) } else { Ok(keys) }
}

/// Never shows what a section holds: it may be a key.
fn not_pem(file: &Path, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::MissingSectionEnd { .. } => "its last section has no END line; is the file truncated?",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line does not end in five dashes",
        pem::Error::Base64Decode(_) => "a section is not base64; did an editor change it?",
        _ => "it is malformed",
    };
    TlsError::NotPem { file: file.to_owned(), reason: reason.to_owned() }
}

fn must_be_pem(file: &Path, bytes: &[u8]) -> Result<(), TlsError> {
    if holds(bytes, BEGIN) {
        return Ok(());
    }
    let reason = match bytes {
        [] => "it is empty",
        // What DER begins with: a sequence.
        [0x30, ..] => {
            "it is binary; convert DER with openssl x509 -inform DER -in FILE -out FILE.pem, and name a PKCS#12 file \
             .p12 or .pfx"
        }
        _ => "it has no such line; is it the right file?",
    };
    Err(TlsError::NotPem { file: file.to_owned(), reason: reason.to_owned() })
}

/// What the sections say they are.
fn labels(bytes: &[u8]) -> Vec<String> {
    let begins = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).filter_map(|line| line.strip_prefix(BEGIN));
    let mut labels: Vec<String> =
        begins.map(|rest| String::from_utf8_lossy(rest).trim_end_matches(['-', ' ']).to_owned()).collect();
    labels.dedup();
    labels.truncate(MAX_LABELS);
    labels
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

const BEGIN: &[u8] = b"-----BEGIN ";

/// More than twice what a Linux distribution's bundle of all public authorities takes.
const MAX_FILE: u64 = 1 << 20;

/// So many sections are named in a message.
const MAX_LABELS: usize = 5;
