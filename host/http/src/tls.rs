//! TLS: certificates, handshakes, and their renewal while the server runs.
//!
//! Promises: files that cannot be used are an error at [`Tls::load`], which names the file and the remedy; after that
//! there is always a certificate, because what is renewed takes the old one's place whole or not at all. How long a
//! handshake may take is left to the caller.

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
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::MissedTickBehavior;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tracing::{debug, error, info, warn};

pub use certificate::{CertificateSource, Password};
pub use config::{ClientCertificateMode, ClientCertificates, TlsConfig, TlsVersion};
pub use error::{TlsError, TlsWarning};
pub use facts::facts;
use files::Files;
pub use files::Looked;
use setup::Setup;

use crate::clock::Clock;

/// The TLS of an endpoint, with the certificates as they were last read. Shared by all connections.
#[derive(Debug)]
pub struct Tls {
    config: TlsConfig,
    current: RwLock<Arc<Setup>>,
    /// The files as they were before they were last read. Held while they are read, so that this is done once at a time.
    files: Mutex<Files>,
}

impl Tls {
    /// How often [`Tls::follow`] should look, where nobody says otherwise. A look costs a few system calls a file;
    /// orchestrators themselves take a minute or so to change a file.
    pub const LOOK_INTERVAL: Duration = Duration::from_secs(5);

    /// Reads all files that `config` names, and logs what is odd about them. Blocks while it reads, and for up to a
    /// second for each PKCS#12 file.
    pub fn load(config: TlsConfig) -> Result<Self, TlsError> {
        let files = Files::look(paths(&config)); // before they are read, so that no change is missed
        let setup = read(&config, None)?;
        Ok(Self { config, current: RwLock::new(Arc::new(setup)), files: Mutex::new(files) })
    }

    /// The configuration for the next connection, for whoever shakes hands without [`Tls::accept`]. Cheap.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current().server)
    }

    /// Shakes hands as a server, with the certificates of this moment. A client that is refused is told so in an alert,
    /// or with a 400 if it spoke HTTP without TLS; the error is for the log. The caller bounds the time: without a bound
    /// it waits as long as the client does, but for the moment that one has who is answered 400, which runs by `clock`.
    ///
    /// The stream that is returned may hold application data already. [`facts`] tells what was agreed on.
    pub async fn accept<S>(&self, stream: S, clock: &Clock) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let setup = self.current();
        handshake::accept(&setup, stream, clock).await
    }

    /// Reads all files anew, and takes what is in them from the next handshake on; connections that there are go on. An
    /// error is logged too, and changes nothing. Sessions can be resumed as before, unless the authorities for clients
    /// have changed. Blocks as [`Tls::load`] does.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.renew().inspect(|()| renewed()).inspect_err(kept)
    }

    /// Whether a file has changed since they were last read, with success or without. Cheap, but asks the file system.
    pub fn look(&self) -> Looked {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).compare()
    }

    /// Looks at the files every `interval` (10 ms and more), and reads them anew when they have changed. Certificate and
    /// key are two files, which change one after the other: so a failure is logged as a warning only if it is still
    /// there one look later, and is tried again at each look until it has passed. Runs forever; to end it, drop it.
    pub async fn follow(self: Arc<Self>, interval: Duration) -> Infallible {
        let mut ticks = tokio::time::interval(interval.max(MIN_LOOK_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut follower = Follower { tls: Arc::clone(&self), failure: None };
        loop {
            ticks.tick().await;
            // On another thread, because a file system may be at the other end of a network.
            let step = tokio::task::spawn_blocking(move || {
                follower.step();
                follower
            });
            follower = step.await.unwrap_or_else(|panic| {
                error!(%panic, "looking at the certificates panicked; this is a bug in Windhover");
                Follower { tls: Arc::clone(&self), failure: None }
            });
        }
    }

    fn current(&self) -> Arc<Setup> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn renew(&self) -> Result<(), TlsError> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        *files = Files::look(paths(&self.config));
        let setup = read(&self.config, Some(&self.current()))?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(setup);
        Ok(())
    }
}

fn read(config: &TlsConfig, before: Option<&Setup>) -> Result<Setup, TlsError> {
    let mut warnings = Vec::new();
    let setup = Setup::load(config, before, &mut warnings)?;
    for warning in warnings {
        warn!("{warning}");
    }
    Ok(setup)
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

fn renewed() {
    info!("the TLS certificates were read anew and are in use from now on");
}

fn kept(failure: &TlsError) {
    warn!("the TLS certificates could not be read anew, and the old ones stay in use: {failure}");
}

/// Looks again and again.
struct Follower {
    tls: Arc<Tls>,
    /// What was wrong at the last look, and whether it was logged loudly.
    failure: Option<(String, bool)>,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Same,
    Renewed,
    /// It failed for the first time: perhaps the files are being written.
    Patient,
    /// It fails still.
    Failing,
}

impl Follower {
    fn step(&mut self) -> Step {
        if self.failure.is_none() && self.tls.look() == Looked::Same {
            return Step::Same;
        }
        let Err(failure) = self.tls.renew() else {
            self.failure = None;
            renewed();
            return Step::Renewed;
        };
        let text = failure.to_string();
        match &self.failure {
            None => {
                debug!("the TLS certificates have changed and cannot be read yet: {failure}");
                self.failure = Some((text, false));
                return Step::Patient;
            }
            Some((before, true)) if *before == text => {}
            Some(_) => kept(&failure),
        }
        self.failure = Some((text, true));
        Step::Failing
    }
}

const MIN_LOOK_INTERVAL: Duration = Duration::from_millis(10);
