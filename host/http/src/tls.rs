//! TLS: certificates, handshakes, and their renewal while the server runs.
//!
//! Promises: files that cannot be used are an error of [`Tls::load`], which names the file and the remedy. After that
//! there is always a certificate, because a new one replaces the old one as a whole or not at all. Each certificate is
//! renewed on its own: an invalid one delays no other, nor a start by [`Tls::load_usable`]. The caller limits the time
//! of a handshake.

mod certificate;
mod config;
mod error;
mod facts;
mod files;
mod handshake;
mod names;
mod pem;
mod pkcs12;
mod setup;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, info, warn};

pub use certificate::{CertificateSource, Password};
pub use config::{ClientCertificateMode, ClientCertificates, TlsConfig, TlsVersion};
pub use error::{TlsError, TlsFailure, TlsWarning};
pub use facts::facts;
use files::Files;
pub use names::CertificateFacts;
use setup::{Before, Report, Setup};

use crate::clock::Clock;

/// The TLS of an endpoint, with the certificates that were read last. All connections share it.
#[derive(Debug)]
pub struct Tls {
    config: TlsConfig,
    current: RwLock<Arc<Setup>>,
    /// The state of the files before they were last read. Locked while they are read, so that they are read once at a
    /// time.
    files: Mutex<Read>,
    /// What was wrong at the first read. Empty: nothing.
    unusable: String,
}

/// Files that were read.
#[derive(Debug)]
struct Read {
    files: Files,
    /// The warnings about them, each of which is logged once.
    warnings: Vec<TlsWarning>,
}

/// The result of reading files again.
struct Renewal {
    failures: Vec<TlsFailure>,
    /// Clients get something else than before.
    has_changed: bool,
}

impl Tls {
    /// How often [`Tls::follow`] checks by default. One check costs a few system calls for each file. Orchestrators
    /// need a minute or so to change a file.
    pub const CHECK_INTERVAL: Duration = Duration::from_secs(5);

    /// Reads all files that `config` names, and logs warnings about them. The first file that cannot be used is the
    /// error. Blocks while it reads, and for up to a second for each PKCS#12 file.
    pub fn load(config: TlsConfig) -> Result<Self, TlsError> {
        let (tls, failures) = Self::load_usable(config, None)?;
        match failures.into_iter().next() {
            Some(TlsFailure { error, .. }) => Err(error),
            None => Ok(tls),
        }
    }

    /// Like [`Tls::load`], but returns what cannot be used, and refuses the clients that need it: clients that ask for
    /// that name; if it is the certificate for all other names, clients that ask for none of the names here; if it is
    /// the authorities for client certificates, all clients. What was read `before` from the same source stays in use.
    /// An error is one of the configuration, which no other file would fix. [`Tls::follow`] tries again.
    pub fn load_usable(config: TlsConfig, before: Option<&Self>) -> Result<(Self, Vec<TlsFailure>), TlsError> {
        let files = Files::now(paths(&config)); // before they are read, so that no change is missed
        let mut report = Report::default();
        let old = before.map(|before| (&before.config, before.current()));
        let old = old.as_ref().map(|(config, setup)| Before { config, setup });
        let setup = Setup::load(&config, old, &mut report)?;
        let Report { failures, warnings } = report;
        warnings.iter().for_each(|warning| warn!("{warning}"));
        let unusable = text(&failures);
        let files = Mutex::new(Read { files, warnings });
        Ok((Self { config, current: RwLock::new(Arc::new(setup)), files, unusable }, failures))
    }

    /// Whether there is any certificate. Without one every handshake fails.
    pub fn has_certificate(&self) -> bool {
        self.current().names.has_any()
    }

    /// The configuration for the next connection, for handshakes without [`Tls::accept`]. Cheap.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current().server)
    }

    /// The certificates in use, each with its server name.
    pub fn certificates(&self) -> Vec<CertificateFacts> {
        self.current().names.certificates()
    }

    /// Performs the handshake of a server with the current certificates. A refused client gets an alert, or a 400 if it
    /// spoke HTTP without TLS; the error is for the log. The caller limits the time: without a limit this waits as long
    /// as the client does. Only the time to deliver the 400 is limited here, by `clock`.
    ///
    /// The returned stream may hold application data already. [`facts`] tells what the handshake agreed on.
    pub async fn accept<S>(&self, stream: S, clock: &Clock) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let setup = self.current();
        handshake::accept(&setup, stream, clock).await
    }

    /// Reads all files again and uses them from the next handshake on. Existing connections go on. Files that cannot be
    /// used are logged, the first one is the error, and their previous versions stay in use; all others are renewed.
    /// Sessions can be resumed as before, unless the authorities for client certificates have changed. Blocks as
    /// [`Tls::load`] does.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Renewal { failures, has_changed } = self.renew()?;
        told(&failures, has_changed);
        failures.into_iter().next().map_or(Ok(()), |failure| Err(failure.error))
    }

    /// Whether a file has changed since the files were last read, with or without success. Cheap, but accesses the file
    /// system.
    pub fn files_have_changed(&self) -> bool {
        self.files.lock().files.have_changed()
    }

    /// Checks the files every `interval` (at least 10 ms), and reads them again when they have changed. A certificate
    /// and its key are two files that change one after the other. So a failure is logged as a warning only if the next
    /// check still finds it, and every check tries again until it is gone. Runs forever; drop it to end it.
    pub async fn follow(self: Arc<Self>, interval: Duration) -> Infallible {
        let mut ticks = tokio::time::interval(interval.max(MIN_CHECK_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let failure = Some((self.unusable.clone(), true)).filter(|(text, _)| !text.is_empty());
        let mut follower = Follower { tls: Arc::clone(&self), failure };
        loop {
            ticks.tick().await;
            // On another thread, because a file system may be at the other end of a network.
            let step = tokio::task::spawn_blocking(move || {
                follower.step();
                follower
            });
            follower = step.await.unwrap_or_else(|panic| {
                error!(%panic, "checking the certificates for changes panicked; this is a bug in Windhover");
                Follower { tls: Arc::clone(&self), failure: None }
            });
        }
    }

    fn current(&self) -> Arc<Setup> {
        Arc::clone(&self.current.read())
    }

    fn renew(&self) -> Result<Renewal, TlsError> {
        let mut read = self.files.lock();
        read.files = Files::now(paths(&self.config));
        let (mut report, old) = (Report::default(), self.current());
        let setup = Setup::load(&self.config, Some(Before { config: &self.config, setup: &old }), &mut report)?;
        let Report { failures, warnings } = report;
        // As long as one file is bad all are read again and again.
        warnings.iter().filter(|warning| !read.warnings.contains(warning)).for_each(|warning| warn!("{warning}"));
        read.warnings = warnings;
        let has_changed = !setup.is_like(&old);
        *self.current.write() = Arc::new(setup);
        Ok(Renewal { failures, has_changed })
    }
}

/// All failures, one on each line.
fn text(failures: &[TlsFailure]) -> String {
    failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// All files, each once.
fn paths(config: &TlsConfig) -> Vec<PathBuf> {
    let sources = config.certificate.iter().chain(config.names.iter().map(|(_, source)| source));
    let files = sources.flat_map(|source| [Some(source.file()), Some(source.key_file()), source.password_file()]);
    let mut paths: Vec<_> = files.flatten().map(PathBuf::from).collect();
    paths.extend(config.client_certificates.authorities().cloned());
    paths.sort();
    paths.dedup();
    paths
}

/// Logs the result of reading files again.
fn told(failures: &[TlsFailure], has_changed: bool) {
    for failure in failures {
        warn!("could not reload a TLS certificate: {failure}");
    }
    match failures.is_empty() {
        true => info!("reloaded the TLS certificates"),
        false if has_changed => info!("reloaded all other TLS certificates"),
        false => {}
    }
}

/// Checks the files again and again.
struct Follower {
    tls: Arc<Tls>,
    /// What was wrong at the last check, and whether it was logged as a warning.
    failure: Option<(String, bool)>,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Same,
    Renewed,
    /// It failed for the first time: perhaps the files are being written.
    Patient,
    /// It still fails.
    Failing,
}

impl Follower {
    fn step(&mut self) -> Step {
        if self.failure.is_none() && !self.tls.files_have_changed() {
            return Step::Same;
        }
        let (text, failures, has_changed) = match self.tls.renew() {
            Ok(Renewal { failures, has_changed }) => (text(&failures), failures, has_changed),
            Err(failure) => (failure.to_string(), vec![TlsFailure { error: failure, is_kept: true }], false),
        };
        if failures.is_empty() {
            self.failure = None;
            told(&failures, has_changed);
            return Step::Renewed;
        }
        match &self.failure {
            None => {
                debug!("the files of the TLS certificates have changed and are not valid yet: {text}");
                if has_changed {
                    info!("reloaded other TLS certificates");
                }
                self.failure = Some((text, false));
                return Step::Patient;
            }
            Some((before, true)) if *before == text => {}
            Some(_) => told(&failures, has_changed),
        }
        self.failure = Some((text, true));
        Step::Failing
    }
}

const MIN_CHECK_INTERVAL: Duration = Duration::from_millis(10);
