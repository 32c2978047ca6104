//! Looks after what may change while the server runs: the configuration file, and the files of apps. What takes long, such
//! as compiling, is done on a thread of its own, so that the server can be asked to leave meanwhile.

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

/// Looks after what may change.
pub(crate) struct Watch {
    /// `None`: it is being worked on.
    watched: Option<Watched>,
    working: Option<JoinHandle<Watched>>,
    /// The configuration is to be read anew when that is done.
    is_asked: bool,
    /// When it was last looked.
    looked: Instant,
    interval: Duration,
    pre_stop_delay: Duration,
}

/// What is looked after.
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

    /// Has the configuration read anew, now or when what is being done is done.
    pub(crate) fn reload(&mut self) {
        self.is_asked = true;
        self.begin();
    }

    /// How long the server goes on when it is asked to leave.
    pub(crate) fn pre_stop_delay(&self) -> Duration {
        self.pre_stop_delay
    }

    /// Waits until it is time to look, or until what is being done is done, and goes on. May be dropped while it waits.
    pub(crate) async fn turn(&mut self) {
        match &mut self.working {
            Some(working) => {
                // Nothing panics there that is not caught, and then there is one watcher less, not one server.
                let watched = working.await.inspect_err(|panic| error!(%panic, "changes are not seen any more")).ok();
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

    /// Begins to work, if nobody does.
    fn begin(&mut self) {
        let Some(mut watched) = self.watched.take() else {
            self.looked = Instant::now(); // so that it does not become due again and again
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
                error!("a change is not served, or not all of it: {panic:#}");
                service_manager::ready(); // it may have said that it reads its configuration anew
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

    /// Looks whether a file has changed, and stayed the same since the last look.
    fn look(&mut self) {
        if self.file.have_changed(FileStamp::of(self.config.source())) {
            return self.reload();
        }
        self.deployments.look(&self.loader);
    }

    /// Makes all as the configuration file says now. With a mistake in it, all stays as it is.
    fn reload(&mut self) {
        let Some(file) = self.config.source().map(ToOwned::to_owned) else {
            info!("asked to read the configuration anew, and there is no file");
            return self.deployments.look(&self.loader);
        };
        self.file = WatchedFiles::new(FileStamp::of(self.config.source()));
        service_manager::reloading();
        match (self.reread)(&file).and_then(|config| self.change(config, &file)) {
            Ok(()) => info!("the configuration is as {} says now", file.display()),
            Err(mistakes) => error!("the configuration stays as it was:\n{mistakes:#}"),
        }
        service_manager::ready();
    }

    /// Makes all as another configuration says, or, if its endpoints cannot be served, nothing.
    fn change(&mut self, config: Config, file: &Path) -> anyhow::Result<()> {
        let endpoints = self.endpoints.next(&config.written)?;
        let changed = Handle::current().block_on(self.handle.change_endpoints(endpoints.configs()))?;
        changed.opened.iter().for_each(|address| info!("listening on {address}"));
        changed.closed.iter().for_each(|address| info!("not listening on {address} any more"));
        self.pipeline.telemetry().watch_certificates(&endpoints);
        self.endpoints = endpoints;
        for key in self.config.needs_restart(&config) {
            warn!("{key} has changed in {}, which needs a restart", file.display());
        }
        self.deployments.change(&self.loader, &config);
        self.pipeline.reroute(self.deployments.router(&config));
        self.config = config;
        Ok(())
    }
}
