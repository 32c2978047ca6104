//! Watches the configuration file and the files of apps while the server runs, and loads what has changed. Long work, such
//! as compiling, runs on a thread of its own, so that the server can shut down meanwhile.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};
use windhover_contract::ServerHandle;
use windhover_http::HttpHandle;

use crate::Reread;
use crate::config::Config;
use crate::deployments::Deployments;
use crate::endpoints::Endpoints;
use crate::files::{FileStamp, WatchedFiles};
use crate::guarded::guarded;
use crate::loader::Loader;
use crate::pipeline::Pipeline;
use crate::service_manager;

/// The watcher, as the supervisor drives it.
pub(crate) struct Watch {
    /// `None`: it is at work in `working`.
    watched: Option<Watched>,
    working: Option<JoinHandle<Watched>>,
    /// Whether to read the configuration again when that work is done.
    is_asked: bool,
    /// When the files were last checked.
    looked: Instant,
    interval: Duration,
    pre_stop_delay: Duration,
}

/// What is watched, and what is changed.
struct Watched {
    reread: Reread,
    config: Config,
    /// The configuration file.
    file: WatchedFiles,
    endpoints: Endpoints,
    handle: HttpHandle,
    loader: Loader,
    deployments: Deployments,
    pipeline: Arc<Pipeline>,
}

impl Watch {
    pub(crate) fn new(
        reread: Reread,
        config: Config,
        endpoints: Endpoints,
        handle: HttpHandle,
        loader: Loader,
        deployments: Deployments,
        pipeline: Arc<Pipeline>,
    ) -> Self {
        let file = WatchedFiles::new(FileStamp::of(config.source()));
        let watched = Watched { reread, config, file, endpoints, handle, loader, deployments, pipeline };
        let (interval, pre_stop_delay) = watched.times();
        let looked = Instant::now();
        Self { watched: Some(watched), working: None, is_asked: false, looked, interval, pre_stop_delay }
    }

    /// Reads the configuration again, now or when the work in progress is done.
    pub(crate) fn reload(&mut self) {
        self.is_asked = true;
        self.begin();
    }

    /// How long the server goes on serving when it is asked to shut down.
    pub(crate) fn pre_stop_delay(&self) -> Duration {
        self.pre_stop_delay
    }

    /// Waits for the next check or for the end of the work in progress, and goes on. Cancel safe.
    pub(crate) async fn turn(&mut self) {
        match &mut self.working {
            Some(working) => {
                // Panics are caught there. If one is not, the server goes on without its watcher.
                let watched =
                    working.await.inspect_err(|panic| error!(%panic, "changes of files are no longer noticed")).ok();
                if let Some(watched) = &watched {
                    (self.interval, self.pre_stop_delay) = watched.times();
                }
                (self.watched, self.working, self.looked) = (watched, None, Instant::now());
                if !self.is_asked {
                    return;
                }
            }
            None if self.interval.is_zero() => std::future::pending().await,
            None => sleep_until(self.looked + self.interval).await,
        }
        self.begin();
    }

    /// Begins to work, unless work is in progress.
    fn begin(&mut self) {
        let Some(mut watched) = self.watched.take() else {
            self.looked = Instant::now(); // so that it is not due again at once
            return;
        };
        let is_asked = std::mem::take(&mut self.is_asked);
        self.working = Some(spawn_blocking(move || {
            let worked = guarded(|| {
                if is_asked {
                    watched.reload();
                } else {
                    watched.look();
                }
                Ok(())
            });
            if let Err(panic) = worked {
                error!("a change has been applied only in part, or not at all: {panic:#}");
                service_manager::ready(); // it may have reported that it reloads
            }
            watched
        }));
    }
}

impl Watched {
    fn times(&self) -> (Duration, Duration) {
        let server = &self.config.written.server;
        (server.watch_interval.0, server.pre_stop_delay.0)
    }

    /// Checks whether a file has changed and stayed the same since the last check.
    fn look(&mut self) {
        if self.file.have_changed(FileStamp::of(self.config.source())) {
            return self.reload();
        }
        self.deployments.look(&self.loader);
    }

    /// Applies the configuration file as it is now. If it has an error, nothing changes.
    fn reload(&mut self) {
        let Some(file) = self.config.source().map(ToOwned::to_owned) else {
            info!("cannot read the configuration again: there is no file");
            return self.deployments.look(&self.loader);
        };
        self.file = WatchedFiles::new(FileStamp::of(self.config.source()));
        service_manager::reloading();
        match (self.reread)(&file).and_then(|config| self.change(config, &file)) {
            Ok(()) => info!("the configuration was read again from {}", file.display()),
            Err(mistakes) => error!("the new configuration is invalid, the old one stays:\n{mistakes:#}"),
        }
        service_manager::ready();
    }

    /// Applies another configuration. If its endpoints cannot be served, nothing changes.
    fn change(&mut self, config: Config, file: &Path) -> anyhow::Result<()> {
        let endpoints = self.endpoints.next(&config.written)?;
        let changed = Handle::current().block_on(self.handle.change_endpoints(endpoints.configs()))?;
        changed.opened.iter().for_each(|address| info!("listening on {address}"));
        changed.closed.iter().for_each(|address| info!("no longer listening on {address}"));
        self.pipeline.trust(&endpoints);
        self.pipeline.telemetry().watch_certificates(&endpoints);
        self.endpoints = endpoints;
        for key in self.config.needs_restart(&config) {
            warn!("{key} has changed in {}; restart the server to apply it", file.display());
        }
        self.deployments.change(&self.loader, &config);
        self.pipeline.reroute(self.deployments.router(&config));
        self.config = config;
        Ok(())
    }
}
