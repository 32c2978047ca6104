//! The life of the server: the admin endpoint, then bind, load, serve, drain. The only owner of signals.

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle, spawn_blocking};
use tokio::time::{Interval, interval};
use tracing::{error, info, warn};
use windhover_contract::{Drained, Observer, Server, ServerHandle};
use windhover_http::{HttpConfig, HttpServer};

use crate::Reread;
use crate::admin::{Admin, Readiness};
use crate::config::{Config, file};
use crate::deployments::Deployments;
use crate::endpoints::{Endpoints, http_config};
use crate::guarded::guarded;
use crate::inherited::inherited;
use crate::interceptor::Interceptor;
use crate::loader::Loader;
use crate::output::say;
use crate::pipeline::Pipeline;
use crate::progress::Progress;
use crate::service_manager;
use crate::signals::{Signal, Signals};
use crate::telemetry::Telemetry;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;
use crate::watch::Watch;

/// Serves a configuration until asked to leave. The admin endpoint comes first: what follows may take long, and operators
/// need to see meanwhile that the server lives and is not ready.
pub(crate) async fn serve(
    config: Config,
    reread: Reread,
    interceptor: Option<Arc<dyn Interceptor>>,
) -> anyhow::Result<ExitCode> {
    // From now on no signal ends the process by itself.
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    if let Some(file) = config.source() {
        info!("the configuration is {}", file.display());
    }
    let admin = config.written.admin.as_ref().map(Administered::bind).transpose()?.map(Administered::serve);
    let (metrics, progress) = (admin.as_ref().map(|(metrics, _)| Arc::clone(metrics)), Progress::default());
    let starting = spawn_blocking({
        let (may_lack, progress) = (interceptor.is_some(), progress.clone());
        move || guarded(|| Start::new(config, may_lack, metrics, progress))
    });
    let (start, is_reload_asked) = match begun(starting, &mut signals, &progress).await? {
        Begun::Ready { start, is_reload_asked } => (*start, is_reload_asked),
        Begun::Left => return Ok(ExitCode::SUCCESS),
    };
    let Start { config, telemetry, endpoints, server, loader, deployments } = start;
    let pipeline = Arc::new(Pipeline::new(deployments.router(&config), telemetry, interceptor.clone()));
    pipeline.trust(&endpoints);
    if let Some((metrics, _)) = &admin {
        let (pipeline, handle) = (Arc::downgrade(&pipeline), server.handle());
        let apps = move || pipeline.upgrade().map(|pipeline| pipeline.apps()).unwrap_or_default();
        metrics.watch(move || handle.connections(), apps);
    }
    let readiness = admin.map(|(_, readiness)| readiness).unwrap_or_default();
    let handle = server.handle();
    let server_addresses: Vec<_> = handle.addresses().iter().map(ToString::to_string).collect();
    for address in &server_addresses {
        say(&format!("Listening on {address}"));
    }
    let (shutdown, asked) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(server.serve(Arc::clone(&pipeline), async move {
        let _ = asked.await;
    }));
    if let Some(interceptor) = &interceptor {
        let address = server_addresses.first().map(String::as_str);
        Arc::clone(interceptor).begin(pipeline.served_apps(), address);
    }
    readiness.set(true);
    service_manager::ready();
    let mut watchdog = service_manager::watchdog_interval().map(tokio::time::interval);
    let mut watch = Watch::new(reread, config, endpoints, handle.clone(), loader, deployments, Arc::clone(&pipeline));
    if is_reload_asked {
        watch.reload();
    }
    loop {
        tokio::select! {
            ended = &mut serving => return ended_by_itself(ended),
            signal = signals.next() => match signal {
                Signal::Leave => break,
                Signal::Reload => watch.reload(),
            },
            () = tick(&mut watchdog) => service_manager::alive(),
            () = watch.turn() => {}
        }
    }
    readiness.set(false);
    handle.announce_shutdown();
    service_manager::stopping();
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
    interceptor.iter().for_each(|interceptor| interceptor.leave());
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

/// A server that is bound, with its apps loaded, and which has not begun to accept.
struct Start {
    config: Config,
    telemetry: Arc<Telemetry>,
    endpoints: Endpoints,
    server: HttpServer,
    loader: Loader,
    deployments: Deployments,
}

impl Start {
    /// What of a start takes long: it reads files, and compiles. Must be called on a thread of a runtime that may block.
    /// `may_lack`: apps may still have to be built.
    fn new(config: Config, may_lack: bool, metrics: Option<Arc<Metrics>>, progress: Progress) -> anyhow::Result<Self> {
        let traces = config.written.traces.as_ref().map(Traces::open).transpose()?;
        let telemetry = Telemetry::new(&config.written.log, metrics, traces);
        let observer = Some(Arc::clone(&telemetry) as Arc<dyn Observer>);
        // Bound first: a port that is taken is told at once, and not after seconds of compiling.
        let endpoints = Endpoints::default().next(&config.written)?;
        telemetry.watch_certificates(&endpoints);
        let http = http_config(&config.written, &endpoints);
        for limit in http.limits.unenforced(HttpServer::enforces) {
            warn!("limits: {} is set, and this server does not enforce it", limit.name());
        }
        let server = HttpServer::bind(HttpConfig { observer, inherited: inherited(), ..http })?;
        progress.expect(config.written.apps.len());
        let loader = Loader::open(&config.written)?.telling(progress);
        let deployments = match may_lack {
            true => Deployments::load_what_there_is(&loader, &config)?,
            false => Deployments::load(&loader, &config)?,
        };
        Ok(Self { config, telemetry, endpoints, server, loader, deployments })
    }
}

/// How a start ended.
enum Begun {
    Ready {
        start: Box<Start>,
        /// Whether it was asked meanwhile to read the configuration anew.
        is_reload_asked: bool,
    },
    /// It was asked to leave, and nobody was connected yet.
    Left,
}

/// Waits for the start, and hears signals meanwhile.
async fn begun(
    mut starting: JoinHandle<anyhow::Result<Start>>,
    signals: &mut Signals,
    progress: &Progress,
) -> anyhow::Result<Begun> {
    let mut is_reload_asked = false;
    let mut telling = interval(Progress::INTERVAL);
    loop {
        tokio::select! {
            started = &mut starting => {
                let start = Box::new(started.context(PANICKED)??);
                return Ok(Begun::Ready { start, is_reload_asked });
            }
            signal = signals.next() => match signal {
                Signal::Leave => {
                    progress.end();
                    service_manager::stopping();
                    info!("leaving before the start is complete; no request was taken yet");
                    return Ok(Begun::Left);
                }
                Signal::Reload => {
                    info!("the configuration is read anew when the start is complete");
                    is_reload_asked = true;
                }
            },
            _ = telling.tick() => progress.tell(),
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
    fn serve(self) -> (Arc<Metrics>, Arc<Readiness>) {
        let Self { server, metrics } = self;
        let readiness = Arc::new(Readiness::default());
        let admin = Admin { metrics: Arc::clone(&metrics), readiness: Arc::clone(&readiness) };
        for address in server.handle().addresses().iter() {
            say(&format!("Administered at {address}"));
        }
        tokio::spawn(async move {
            let ended = tokio::spawn(server.serve(Arc::new(admin), std::future::pending())).await;
            error!("the admin endpoint is not served any more: {ended:?}");
        });
        (metrics, readiness)
    }
}

fn ended_by_itself(ended: Result<std::io::Result<Drained>, JoinError>) -> anyhow::Result<ExitCode> {
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
