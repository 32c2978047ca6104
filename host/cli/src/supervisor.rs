//! The life of the server: load, bind, serve, watch, change, drain. The only owner of signals.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use windhover_contract::{Drained, Observer, Server};
use windhover_http::{HttpConfig, HttpServer};

use crate::admin::{Admin, Readiness};
use crate::args::Serve;
use crate::config::flags::configuration;
use crate::config::{Config, file};
use crate::deployments::Deployments;
use crate::endpoints::http_config;
use crate::inherited::inherited;
use crate::notice;
use crate::pipeline::Pipeline;
use crate::serve::say;
use crate::signals::{Signal, Signals};
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;
use crate::workshop::{Look, Workshop};

/// A server that is bound, with its apps loaded.
pub(crate) struct Supervisor {
    args: Serve,
    config: Config,
    telemetry: Arc<Telemetry>,
    server: HttpServer,
    admin: Option<Administered>,
    workshop: Workshop,
    deployments: Deployments,
}

impl Supervisor {
    pub(crate) fn new(args: Serve, config: Config) -> anyhow::Result<Self> {
        if let Some(file) = config.source() {
            info!("the configuration is {}", file.display());
        }
        // Bound first: a port that is taken is told at once, and not after seconds of compiling.
        let admin = config.written.admin.as_ref().map(Administered::bind).transpose()?;
        let metrics = admin.as_ref().map(|admin| Arc::clone(&admin.metrics));
        let telemetry = Telemetry::new(&config.written.log, metrics);
        let observer = Some(Arc::clone(&telemetry) as Arc<dyn Observer>);
        let server =
            HttpServer::bind(HttpConfig { observer, inherited: inherited(), ..http_config(&config.written)? })?;
        let workshop = Workshop::open(&config.written)?;
        let deployments = Deployments::load(&workshop, &config)?;
        Ok(Self { args, config, telemetry, server, admin, workshop, deployments })
    }

    pub(crate) async fn serve(self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let Self { args, config, telemetry, server, admin, workshop, deployments } = self;
        let pipeline = Arc::new(Pipeline::new(deployments.router(&config), telemetry));
        let readiness = admin.map_or_else(Default::default, |admin| admin.serve(&server, &pipeline));
        for address in server.addresses().iter() {
            say(&format!("Listening on {address}"));
        }
        let (shutdown, asked) = oneshot::channel::<()>();
        let mut serving = tokio::spawn(server.serve(Arc::clone(&pipeline), async move {
            let _ = asked.await;
        }));
        readiness.set(true);
        notice::ready();
        let watchdog = notice::watchdog_interval();
        let look = config.look();
        let mut watch = Watch { args, look, changing: None, config, workshop, deployments, pipeline };
        loop {
            tokio::select! {
                ended = &mut serving => return ended_by_itself(ended),
                signal = signals.next() => match signal {
                    Signal::Leave => break,
                    Signal::Reload => watch = watch.at_work(Watch::reload).await?,
                },
                () = pause(watchdog) => notice::alive(),
                () = watch.pause() => watch = watch.at_work(Watch::look).await?,
            }
        }
        readiness.set(false);
        notice::stopping();
        let pre_stop_delay = watch.config.written.server.pre_stop_delay.0;
        if !pre_stop_delay.is_zero() {
            info!("leaving in {} s; once more to leave at once", pre_stop_delay.as_secs_f32());
            tokio::select! {
                () = tokio::time::sleep(pre_stop_delay) => {}
                () = signals.leave() => return Ok(left_at_once()),
            }
        }
        info!("leaving: requests in flight may finish; once more to leave at once");
        watch.pipeline.apps().iter().for_each(|app| app.leave());
        drop(shutdown);
        tokio::select! {
            drained = &mut serving => match drained.context(PANICKED)?? {
                Drained::Clean => {
                    info!("every request was answered");
                    Ok(ExitCode::SUCCESS)
                }
                Drained::Forced { abandoned } => {
                    warn!("{abandoned} connections were closed with a request unanswered");
                    Ok(ExitCode::FAILURE)
                }
            },
            () = signals.leave() => Ok(left_at_once()),
        }
    }
}

/// The admin endpoint, bound.
struct Administered {
    server: HttpServer,
    metrics: Arc<Metrics>,
}

impl Administered {
    fn bind(admin: &file::Admin) -> anyhow::Result<Self> {
        let endpoints = vec![admin.url.as_str().into()];
        let server = HttpServer::bind(HttpConfig { endpoints, workers: NonZeroUsize::MIN, ..HttpConfig::default() });
        Ok(Self { server: server.context("admin.url")?, metrics: Arc::new(Metrics::new()) })
    }

    /// Serves it, as long as this process lives: until the last moment somebody may want to know how it leaves.
    fn serve(self, served: &HttpServer, pipeline: &Arc<Pipeline>) -> Arc<Readiness> {
        let pipeline = Arc::downgrade(pipeline);
        let apps = move || pipeline.upgrade().map(|pipeline| pipeline.apps()).unwrap_or_default();
        self.metrics.watch(served.connection_count(), apps);
        let readiness = Arc::new(Readiness::default());
        let admin = Admin { metrics: self.metrics, readiness: Arc::clone(&readiness) };
        for address in self.server.addresses().iter() {
            say(&format!("Administered at {address}"));
        }
        tokio::spawn(self.server.serve(Arc::new(admin), std::future::pending()));
        readiness
    }
}

fn ended_by_itself(ended: Result<std::io::Result<Drained>, tokio::task::JoinError>) -> anyhow::Result<ExitCode> {
    ended.context(PANICKED)?.context("cannot serve")?;
    Ok(ExitCode::FAILURE)
}

fn left_at_once() -> ExitCode {
    warn!("left at once, without waiting for requests in flight");
    ExitCode::FAILURE
}

const PANICKED: &str = "the server panicked; this is a bug in Windhover";

/// For so long. `None`: for ever.
async fn pause(interval: Option<Duration>) {
    match interval {
        Some(interval) => tokio::time::sleep(interval).await,
        None => std::future::pending().await,
    }
}

/// What may change while the server runs.
struct Watch {
    args: Serve,
    /// At the configuration file.
    look: Look,
    changing: Option<Look>,
    config: Config,
    workshop: Workshop,
    deployments: Deployments,
    pipeline: Arc<Pipeline>,
}

impl Watch {
    /// Until it is time to look again.
    async fn pause(&self) {
        let interval = self.config.written.server.watch_interval.0;
        pause(Some(interval).filter(|interval| !interval.is_zero())).await;
    }

    /// Does what may take seconds, on a thread of its own.
    async fn at_work(mut self, work: fn(&mut Self)) -> anyhow::Result<Self> {
        let working: JoinHandle<Self> = tokio::task::spawn_blocking(move || {
            work(&mut self);
            self
        });
        working.await.context(PANICKED)
    }

    /// Looks whether a file has changed, and stayed the same since the last look.
    fn look(&mut self) {
        let look = self.config.look();
        if look == self.look {
            self.changing = None;
        } else if self.changing.as_ref() == Some(&look) {
            return self.reload();
        } else {
            self.changing = Some(look);
        }
        self.deployments.look(&self.workshop);
    }

    /// Makes all as the configuration file says now. With a mistake in it, all stays as it is.
    fn reload(&mut self) {
        let Some(file) = self.config.source().map(ToOwned::to_owned) else {
            info!("asked to read the configuration anew, and there is no file");
            return self.deployments.look(&self.workshop);
        };
        (self.look, self.changing) = (self.config.look(), None);
        notice::reloading();
        match configuration(&self.args) {
            Ok(config) => {
                for key in self.config.needs_restart(&config) {
                    warn!("{key} has changed in {}, which needs a restart", file.display());
                }
                self.deployments.change(&self.workshop, &config);
                self.pipeline.reroute(self.deployments.router(&config));
                self.config = config;
                info!("the configuration is as {} says now", file.display());
            }
            Err(mistakes) => error!("the configuration stays as it was:\n{mistakes}"),
        }
        notice::ready();
    }
}
