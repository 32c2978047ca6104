//! `windhover serve`: load → bind → serve → drain.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::oneshot;
use tracing::{info, warn};
use windhover_contract::{Drained, Limits, Server};
use windhover_http::{
    CertificateSource, ClientCertificates, Endpoint, EndpointConfig, HttpConfig, HttpServer, Password, Tls, TlsConfig,
};
use windhover_sandbox::{Cache, Engine, EngineConfig, Grants, Guest, Sandbox, SandboxLimits};

use crate::args::Serve;
use crate::parts::Parts;
use crate::signals::Signals;

/// Serves until asked to leave. The exit code is 0 if every request was answered to its end, else 1.
pub(crate) fn serve(args: &Serve) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event queue")?;
    // Bound first: a port that is taken is told at once, and not after seconds of compiling.
    let server = HttpServer::bind(http_config(args)?)?;
    let sandbox = sandbox(args, &server)?;
    runtime.block_on(serve_until_asked(server, sandbox))
}

fn http_config(args: &Serve) -> anyhow::Result<HttpConfig> {
    let defaults = HttpConfig::default();
    let limits = Limits {
        max_connections: (args.max_connections != 0).then_some(args.max_connections),
        max_request_body_size: (args.max_body_size != 0).then_some(args.max_body_size),
        request_head_timeout: Duration::from_secs(args.head_timeout.get()),
        keep_alive_timeout: Duration::from_secs(args.idle_timeout.get()),
        ..defaults.limits
    };
    let endpoints = endpoints(args)?;
    Ok(HttpConfig { endpoints, limits, workers: args.workers.unwrap_or(defaults.workers), ..defaults })
}

fn endpoints(args: &Serve) -> anyhow::Result<Vec<EndpointConfig>> {
    let tls = tls(args)?;
    let protocols = args.h2.protocols();
    let mut endpoints = Vec::new();
    for url in &args.urls {
        let tls = if url.parse::<Endpoint>()?.is_secure() { tls.clone() } else { None };
        endpoints.push(EndpointConfig { url: url.clone(), tls, protocols });
    }
    if tls.is_some() && endpoints.iter().all(|endpoint| endpoint.tls.is_none()) {
        bail!("--tls-cert is of no use without https: add for example --url https://localhost:8443");
    }
    Ok(endpoints)
}

fn tls(args: &Serve) -> anyhow::Result<Option<Arc<Tls>>> {
    let Some(file) = args.tls_cert.clone() else { return Ok(None) };
    let password = args.tls_password_file.as_deref().map(password).transpose()?;
    let certificate = CertificateSource::from_options(file, args.tls_key.clone(), password)?;
    let config = TlsConfig {
        client_certificates: ClientCertificates::from_options(args.tls_client_cert, args.tls_client_ca.clone())?,
        min_version: args.tls_min_version,
        alpn: args.h2.protocols(),
        ..TlsConfig::from(certificate)
    };
    Ok(Some(Arc::new(Tls::load(config)?)))
}

/// The file's text without the line end that editors add.
fn password(file: &Path) -> anyhow::Result<Password> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the password in {}", file.display()))?;
    Ok(Password::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}

fn sandbox(args: &Serve, server: &impl Server) -> anyhow::Result<Sandbox> {
    let max_memory = args.max_memory.saturating_mul(MIB).get();
    let parts = Parts::read(args.app.as_deref(), &args.middleware)?;
    let whole = parts.compose()?;
    for warning in &whole.warnings {
        warn!("{warning}");
    }
    let defaults = EngineConfig::default();
    let engine = Engine::new(&EngineConfig {
        max_instances: args.max_instances.get(),
        max_buffered: args.max_buffered.map_or(defaults.max_buffered, |max| max.saturating_mul(MIB).get()),
        max_components: u32::try_from(1 + args.middleware.len()).unwrap_or(u32::MAX),
        ..defaults
    })?;
    let guest = Guest::from_bytes(&engine, &whole.bytes, &whole.name, cache(args).as_ref())?;
    guest.require(server)?;
    let how = if guest.was_cached() { "loaded from the cache in" } else { "compiled in" };
    say(&format!("Serving {} ({}), {how} {} ms", guest.file().display(), guest.world(), guest.took().as_millis()));

    let name = match &args.app {
        Some(app) => app.file_stem().unwrap_or(app.as_os_str()).to_string_lossy().into_owned(),
        None => "welcome".to_owned(),
    };
    let limits = SandboxLimits {
        timeout: Duration::from_secs(args.timeout.get()),
        max_timeout: Duration::from_secs(args.max_timeout.get()),
        max_memory,
        max_instances: args.max_instances.get() as usize,
        reuse: args.reuse(),
        ..SandboxLimits::default()
    };
    Ok(Sandbox::new(guest, name, limits, grants(args)?))
}

fn grants(args: &Serve) -> anyhow::Result<Grants> {
    let Some(folder) = &args.files else { return Ok(Grants::default()) };
    Grants::default().files(folder).with_context(|| {
        format!("cannot use {} as the folder of files to send; --files takes a folder that exists", folder.display())
    })
}

/// A cache that cannot be used is no reason not to serve.
fn cache(args: &Serve) -> Option<Cache> {
    if args.no_cache {
        return None;
    }
    let folder = args.cache.clone().or_else(Cache::default_folder)?;
    Cache::at(&folder).inspect_err(|error| warn!("compiled apps are not kept: {error}")).ok()
}

async fn serve_until_asked(server: HttpServer, sandbox: Sandbox) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    for address in server.addresses().iter() {
        say(&format!("Listening on {address}"));
    }
    let (shutdown, asked) = oneshot::channel::<()>();
    let mut serving = tokio::spawn(server.serve(Arc::new(sandbox), async move {
        let _ = asked.await;
    }));
    tokio::select! {
        () = signals.leave() => {}
        ended = &mut serving => {
            ended.context("the server panicked; this is a bug in Windhover")?.context("cannot serve")?;
        }
    }
    info!("leaving: requests in flight may finish; once more to leave at once");
    drop(shutdown);
    tokio::select! {
        drained = &mut serving => match drained.context("the server panicked; this is a bug in Windhover")?? {
            Drained::Clean => {
                info!("every request was answered");
                Ok(ExitCode::SUCCESS)
            }
            Drained::Forced { abandoned } => {
                warn!("{abandoned} connections were closed with a request unanswered");
                Ok(ExitCode::FAILURE)
            }
        },
        () = signals.leave() => {
            warn!("left at once, without waiting for requests in flight");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Prints a line. That nobody reads it (a closed pipe, a full disk) is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

const MIB: std::num::NonZeroUsize = std::num::NonZeroUsize::new(1 << 20).expect("it is not 0");
