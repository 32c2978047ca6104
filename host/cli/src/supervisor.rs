//! The life of the server: load, bind, serve, drain. The only owner of signals.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::time::Interval;
use tracing::{info, warn};
use windhover_contract::{Drained, Observer, Server};
use windhover_http::{HttpConfig, HttpServer};

use crate::admin::{Admin, Readiness};
use crate::args::Serve;
use crate::config::{Config, file};
use crate::deployments::Deployments;
use crate::dev::Dev;
use crate::endpoints::{Endpoints, http_config};
use crate::inherited::inherited;
use crate::notice;
use crate::pipeline::Pipeline;
use crate::serve::say;
use crate::signals::{Signal, Signals};
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::watch::Watch;
use crate::workshop::Workshop;

/// A server that is bound, with its apps loaded.
pub(crate) struct Supervisor {
    args: Serve,
    config: Config,
    telemetry: Arc<Telemetry>,
    endpoints: Endpoints,
    server: HttpServer,
    admin: Option<Administered>,
    workshop: Workshop,
    deployments: Deployments,
    /// `None`: it serves what is there.
    dev: Option<Arc<Dev>>,
}

impl Supervisor {
    /// Must be called on a runtime. `dev`: builds what is served.
    pub(crate) fn new(args: Serve, config: Config, dev: Option<Arc<Dev>>) -> anyhow::Result<Self> {
        if let Some(file) = config.source() {
            info!("the configuration is {}", file.display());
        }
        // Bound first: a port that is taken is told at once, and not after seconds of compiling.
        let admin = config.written.admin.as_ref().map(Administered::bind).transpose()?;
        let metrics = admin.as_ref().map(|admin| Arc::clone(&admin.metrics));
        let traces = config.written.traces.as_ref().map(Traces::open).transpose()?;
        let telemetry = Telemetry::new(&config.written.log, metrics, traces);
        let observer = Some(Arc::clone(&telemetry) as Arc<dyn Observer>);
        let endpoints = Endpoints::default().next(&config.written)?;
        let http = http_config(&config.written, &endpoints);
        let server = HttpServer::bind(HttpConfig { observer, inherited: inherited(), ..http })?;
        let workshop = Workshop::open(&config.written)?;
        let deployments = match dev {
            Some(_) => Deployments::load_what_there_is(&workshop, &config)?,
            None => Deployments::load(&workshop, &config)?,
        };
        Ok(Self { args, config, telemetry, endpoints, server, admin, workshop, deployments, dev })
    }

    pub(crate) async fn serve(self) -> anyhow::Result<ExitCode> {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let Self { args, config, telemetry, endpoints, server, admin, workshop, deployments, dev } = self;
        let pipeline = Arc::new(Pipeline::new(deployments.router(&config), telemetry, dev.clone()));
        let readiness = admin.map_or_else(Default::default, |admin| admin.serve(&server, &pipeline));
        let server_addresses: Vec<_> = server.addresses().iter().map(ToString::to_string).collect();
        for address in &server_addresses {
            say(&format!("Listening on {address}"));
        }
        let (hand, leave_notice) = (server.endpoints_hand(), server.leave_notice());
        let (shutdown, asked) = oneshot::channel::<()>();
        let mut serving = tokio::spawn(server.serve(Arc::clone(&pipeline), async move {
            let _ = asked.await;
        }));
        if let Some(dev) = &dev {
            dev.begin(&pipeline, server_addresses.first());
        }
        readiness.set(true);
        notice::ready();
        let mut watchdog = notice::watchdog_interval().map(tokio::time::interval);
        let mut watch = Watch::new(args, config, endpoints, hand, workshop, deployments, Arc::clone(&pipeline));
        loop {
            tokio::select! {
                ended = &mut serving => return ended_by_itself(ended),
                signal = signals.next() => match signal {
                    Signal::Leave => break,
                    Signal::Reload => watch.reload(),
                },
                () = tick(&mut watchdog) => notice::alive(),
                turned = watch.turn() => turned.context(PANICKED)?,
            }
        }
        readiness.set(false);
        leave_notice.give();
        notice::stopping();
        let pre_stop_delay = watch.pre_stop_delay();
        if !pre_stop_delay.is_zero() {
            info!("leaving in {} s; once more to leave at once", pre_stop_delay.as_secs_f32());
            tokio::select! {
                () = tokio::time::sleep(pre_stop_delay) => {}
                () = signals.leave() => return Ok(left_at_once()),
            }
        }
        info!("leaving: requests in flight may finish; once more to leave at once");
        pipeline.apps().iter().for_each(|app| app.leave());
        dev.iter().for_each(|dev| dev.leave());
        drop(shutdown);
        let left = async {
            let drained = serving.await.context(PANICKED)??;
            pipeline.telemetry().close().await;
            anyhow::Ok(drained)
        };
        tokio::select! {
            drained = left => match drained? {
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

/// Until the next tick. `None`: for ever.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => std::future::pending().await,
    }
}
