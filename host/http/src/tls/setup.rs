//! What a handshake needs, made from a [`TlsConfig`] and its files. It never changes.
//!
//! Each certificate is independent: if it cannot be read, the version that was read last is used, and if there is none,
//! clients that ask for it are refused. The same is true for the authorities for client certificates: without them no
//! client can be checked, and all are refused.

use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::crypto::{CryptoProvider, aws_lc_rs};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::danger::ClientCertVerifier;
use tokio_rustls::rustls::server::{
    ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier,
};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::certificate::CertificateSource;
use super::config::{ClientCertificates, TlsConfig, TlsVersion};
use super::error::{TlsError, TlsFailure, TlsWarning};
use super::names::Names;
use super::pem;
use crate::protocols::Protocols;

/// All that a handshake needs.
pub(super) struct Setup {
    pub(super) server: Arc<ServerConfig>,
    pub(super) names: Arc<Names>,
    /// `None`: the server does not request client certificates.
    pub(super) verifier: Option<Arc<dyn ClientCertVerifier>>,
    pub(super) alpn: Protocols,
    resumption: Resumption,
}

/// What makes sessions resumable. It outlives a change of certificates, so that clients need no full handshake. It does
/// not outlive a change of the authorities for clients: a session tells about its client what was checked when it
/// began.
struct Resumption {
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
    authorities: Vec<CertificateDer<'static>>,
}

/// What was read before, and for which configuration. It replaces what cannot be read now.
#[derive(Clone, Copy)]
pub(super) struct Before<'a> {
    pub(super) config: &'a TlsConfig,
    pub(super) setup: &'a Setup,
}

impl Before<'_> {
    fn certificate(&self, source: &CertificateSource) -> Option<Arc<CertifiedKey>> {
        let Self { config, setup } = self;
        if config.certificate.as_ref() == Some(source) {
            return setup.names.default_certificate();
        }
        let (name, _) = config.names.iter().find(|(_, own)| own == source)?;
        setup.names.certificate_of(name)
    }

    fn verifier(&self, clients: &ClientCertificates) -> Option<Verifier> {
        let verifier = self.setup.verifier.as_ref().filter(|_| self.config.client_certificates == *clients)?;
        Some((Arc::clone(verifier), self.setup.resumption.authorities.clone()))
    }
}

/// What reading the files has shown, besides their content.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) failures: Vec<TlsFailure>,
    pub(super) warnings: Vec<TlsWarning>,
}

impl Setup {
    /// Reads all files. The report tells what cannot be used; its previous version replaces it, if there is one. An
    /// error is one of the configuration, whatever the files are.
    pub(super) fn load(config: &TlsConfig, before: Option<Before<'_>>, report: &mut Report) -> Result<Self, TlsError> {
        // Not the process' default, which a library may have set to something else.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut names = names(config, before, &provider, report)?;
        let (verifier, authorities) = match verifier(&config.client_certificates, &provider) {
            Ok(Some((verifier, authorities))) => (Some(verifier), authorities),
            Ok(None) => (None, Vec::new()),
            Err(error) => {
                let kept = before.and_then(|before| before.verifier(&config.client_certificates));
                report.failures.push(TlsFailure { error, is_kept: kept.is_some() });
                match kept {
                    Some((verifier, authorities)) => (Some(verifier), authorities),
                    // Nobody can be checked, so nobody comes in.
                    None => {
                        names = Names::new(None);
                        (None, Vec::new())
                    }
                }
            }
        };
        let names = Arc::new(names);
        let before = before.filter(|before| before.config.client_certificates == config.client_certificates);
        let resumption = match before.map(|before| &before.setup.resumption) {
            Some(before) if before.authorities == authorities => before.share(),
            _ => Resumption::new(authorities)?,
        };
        let versions = match config.min_version {
            TlsVersion::Tls12 => &[&TLS13, &TLS12][..],
            TlsVersion::Tls13 => &[&TLS13],
        };
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .map_err(TlsError::library)?;
        let builder = match &verifier {
            Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
            None => builder.with_no_client_auth(),
        };
        let mut server = builder.with_cert_resolver(names.clone());
        server.alpn_protocols = config.alpn.alpn();
        server.ticketer = Arc::clone(&resumption.ticketer);
        server.session_storage = Arc::clone(&resumption.sessions);
        // Every cipher that is left is strong, so the client chooses: one without AES in hardware is faster with
        // ChaCha20 (Mozilla's guideline says the same).
        server.ignore_client_order = false;
        server.max_early_data_size = 0; // early data can be replayed, and a guest cannot see that
        server.send_half_rtt_data = false;
        Ok(Self { server: Arc::new(server), names, verifier, alpn: config.alpn, resumption })
    }

    /// Whether a client would get the same from it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.names.is_like(&other.names) && self.resumption.authorities == other.resumption.authorities
    }
}

impl fmt::Debug for Setup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Setup").field("names", &self.names).field("alpn", &self.alpn).finish_non_exhaustive()
    }
}

impl Resumption {
    fn new(authorities: Vec<CertificateDer<'static>>) -> Result<Self, TlsError> {
        Ok(Self {
            // Its keys change every six hours, and what they sealed is of no use after twelve.
            ticketer: aws_lc_rs::Ticketer::new().map_err(TlsError::library)?,
            sessions: ServerSessionMemoryCache::new(MAX_SESSIONS),
            authorities,
        })
    }

    fn share(&self) -> Self {
        Self {
            ticketer: Arc::clone(&self.ticketer),
            sessions: Arc::clone(&self.sessions),
            authorities: self.authorities.clone(),
        }
    }
}

fn names(
    config: &TlsConfig,
    before: Option<Before<'_>>,
    provider: &CryptoProvider,
    report: &mut Report,
) -> Result<Names, TlsError> {
    if config.certificate.is_none() && config.names.is_empty() {
        return Err(TlsError::NothingToShow);
    }
    let Report { failures, warnings } = report;
    let mut load = |source: &CertificateSource, warnings: &mut Vec<TlsWarning>| match source.load(provider, warnings) {
        Ok(certified) => Some(Arc::new(certified)),
        Err(error) => {
            let kept = before.and_then(|before| before.certificate(source));
            failures.push(TlsFailure { error, is_kept: kept.is_some() });
            kept
        }
    };
    let mut names = Names::new(config.certificate.as_ref().and_then(|source| load(source, warnings)));
    for (name, source) in &config.names {
        if !names.add(name, load(source, warnings))? {
            warnings.push(TlsWarning::NotForName { file: source.file().to_owned(), name: name.clone() });
        }
    }
    // A file that is named twice is odd once.
    let mut seen = Vec::new();
    warnings.retain(|warning| {
        !seen.contains(warning) && {
            seen.push(warning.clone());
            true
        }
    });
    Ok(names)
}

type Verifier = (Arc<dyn ClientCertVerifier>, Vec<CertificateDer<'static>>);

fn verifier(clients: &ClientCertificates, provider: &Arc<CryptoProvider>) -> Result<Option<Verifier>, TlsError> {
    let Some(file) = clients.authorities() else { return Ok(None) };
    let authorities = pem::certificates(file, &pem::text(pem::read(file)?))?;
    let refuse = |reason: String| TlsError::Authority { file: file.clone(), reason };
    let mut roots = RootCertStore::empty();
    for authority in &authorities {
        roots.add(authority.clone()).map_err(|error| refuse(error.to_string()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let builder = match clients {
        ClientCertificates::Allow { .. } => builder.allow_unauthenticated(),
        ClientCertificates::None | ClientCertificates::Require { .. } => builder,
    };
    let verifier = builder.build().map_err(|error| refuse(error.to_string()))?;
    Ok(Some((verifier, authorities)))
}

/// Sessions that are kept for clients of TLS 1.2 without tickets, of which there are few. The oldest is removed first.
const MAX_SESSIONS: usize = 1024;
