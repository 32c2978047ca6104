//! What flags and environment variables say instead of the file, or without one.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use tracing::warn;

use windhover_server::config::file::{App, Endpoint, EndpointTls, File, Protocols, Traces};
use windhover_server::config::units::{OrNone, Size, Time};
use windhover_server::config::{Config, FILE_NAME, NO_CACHE, app_name, file, read};

use crate::args::{Http2, Serve, unknown_variables};

/// The configuration that a command line asks for.
pub(crate) fn configuration(args: &Serve) -> anyhow::Result<Config> {
    configuration_in(source(args).as_deref(), args)
}

/// Tells of variables that were meant for this and mean nothing. Needs the log.
pub(crate) fn tell_unknown_variables(config: &Config) {
    let secrets = config.written.apps.values().flat_map(|app| app.grants.secrets.values());
    let fields = config.written.traces.iter().flat_map(|traces| traces.fields.values());
    let own = secrets.chain(fields).filter_map(|secret| secret.env.as_deref()).collect();
    unknown_variables(&own).iter().for_each(|told| warn!("{told}"));
}

/// The configuration that it asks for with this file.
pub(crate) fn configuration_in(source: Option<&Path>, args: &Serve) -> anyhow::Result<Config> {
    let (mut file, text) = match source {
        Some(source) => read(source).map(|(file, text)| (file, Some(text)))?,
        None => (File::default(), None),
    };
    if args.cache.is_some() && args.no_cache == Some(true) {
        bail!("--cache says where compiled apps are kept, and --no-cache that none are; leave one out");
    }
    let mut overlay = Overlay { file: &mut file, keys: Vec::new() };
    overlay.server(args);
    overlay.endpoints(args)?;
    overlay.app(args)?;
    let keys = overlay.keys;
    Ok(Config::meant(file, text, keys)?)
}

/// The file to read: the one that is named, or, without an app, one of the usual name if it is here.
fn source(args: &Serve) -> Option<PathBuf> {
    // A link that leads nowhere is there too: to serve something else in its place would be a surprise.
    let is_there = |file: &PathBuf| !file.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let usual = || Some(PathBuf::from(FILE_NAME)).filter(|file| args.app.is_none() && is_there(file));
    args.config.clone().or_else(usual)
}

struct Overlay<'a> {
    file: &'a mut File,
    keys: Vec<(String, String)>,
}

impl Overlay<'_> {
    /// Says that a key was set by a flag, or by the environment variable of its name.
    fn set(&mut self, key: &str, flag: &str) {
        let variable = format!("WINDHOVER_{}", flag.to_uppercase().replace('-', "_"));
        let was_typed = std::env::args_os().any(|argument| {
            let argument = argument.to_string_lossy().into_owned();
            argument.strip_prefix("--").is_some_and(|name| name.split('=').next() == Some(flag))
        });
        let origin = if was_typed || std::env::var_os(&variable).is_none() { format!("--{flag}") } else { variable };
        self.keys.push((key.to_owned(), origin));
    }

    fn server(&mut self, args: &Serve) {
        if let Some(workers) = args.workers {
            self.file.server.workers = Some(workers);
            self.set("server.workers", "workers");
        }
        if let Some(is_kept_out) = args.no_cache.filter(|_| args.cache.is_none()) {
            let has_none = self.file.server.cache.as_deref() == Some(Path::new(NO_CACHE));
            if is_kept_out != has_none {
                self.file.server.cache = is_kept_out.then(|| NO_CACHE.into());
            }
            self.set("server.cache", "no-cache");
        } else if let Some(cache) = &args.cache {
            self.file.server.cache = Some(cache.clone());
            self.set("server.cache", "cache");
        }
        if let Some(max) = args.max_instances {
            self.file.server.max_instances = max;
            self.set("server.max-instances", "max-instances");
        }
        if let Some(max) = args.max_buffered {
            self.file.server.max_buffered = Some(mebibytes(max));
            self.set("server.max-buffered", "max-buffered");
        }
        if let Some(interval) = args.watch_interval {
            self.file.server.watch_interval = Time(interval);
        }
        if let Some(level) = args.log {
            self.file.log.level = level;
            self.set("log.level", "log");
        }
        if let Some(which) = args.guest_log {
            self.file.log.guest = Some(which);
            self.set("log.guest", "guest-log");
        }
        if let Some(is_logged) = args.access_log {
            self.file.log.access = is_logged;
            self.set("log.access", "access-log");
        }
        if let Some(format) = args.log_format {
            self.file.log.format = format;
            self.set("log.format", "log-format");
        }
        if let Some(max) = args.max_connections {
            self.file.limits.max_connections = OrNone(NonZeroU32::new(max));
            self.set("limits.max-connections", "max-connections");
        }
        if let Some(max) = args.max_body_size {
            self.file.limits.max_request_body_size = OrNone((max != 0).then_some(Size(max)));
            self.set("limits.max-request-body-size", "max-body-size");
        }
        if let Some(timeout) = args.head_timeout {
            self.file.limits.request_head_timeout = seconds(timeout.get());
            self.set("limits.request-head-timeout", "head-timeout");
        }
        if let Some(timeout) = args.idle_timeout {
            self.file.limits.keep_alive_timeout = seconds(timeout.get());
            self.set("limits.keep-alive-timeout", "idle-timeout");
        }
        if let Some(url) = &args.admin_url {
            self.file.admin = Some(file::Admin { url: url.clone() });
            self.set("admin.url", "admin-url");
        }
        if let Some(url) = &args.traces_url {
            match &mut self.file.traces {
                Some(traces) => traces.url = url.clone(),
                None => self.file.traces = Some(Traces::to(url)),
            }
            self.set("traces.url", "traces-url");
        }
    }

    /// URLs take the place of the file's endpoints.
    fn endpoints(&mut self, args: &Serve) -> anyhow::Result<()> {
        let tls = args.tls_cert.as_ref().map(|certificate| EndpointTls {
            certificate: Some(certificate.clone()),
            key: args.tls_key.clone(),
            password_file: args.tls_password_file.clone(),
            names: BTreeMap::new(),
            min_version: args.tls_min_version.unwrap_or_default(),
            client_certificates: args.tls_client_cert.unwrap_or_default(),
            client_ca: args.tls_client_ca.clone(),
        });
        if args.urls.is_empty() && !self.file.endpoints.is_empty() {
            if tls.is_some() {
                bail!("--tls-cert goes with --url; in the file write certificate below endpoints.NAME.tls");
            }
            if args.h2.is_some() {
                bail!("--h2 goes with --url; in the file write endpoints.NAME.protocols");
            }
            return Ok(());
        }
        let urls = if args.urls.is_empty() { &[DEFAULT_URL.to_owned()][..] } else { &args.urls };
        if tls.is_some() && !urls.iter().any(|url| url.starts_with("https:")) {
            bail!("--tls-cert is of no use without https: add for example --url https://localhost:8443");
        }
        self.file.endpoints.clear();
        for (at, url) in urls.iter().enumerate() {
            let tls = tls.clone().filter(|_| url.starts_with("https:"));
            if tls.is_none() && url.starts_with("https:") {
                bail!(
                    "cannot listen on {url}: https needs a certificate: give --tls-cert and --tls-key (`windhover \
                     dev-cert` makes one for localhost)"
                );
            }
            let protocols = args.h2.map_or(Protocols::default(), Http2::protocols);
            let endpoint = Endpoint { protocols, tls, ..Endpoint::at(url) };
            let name = format!("url-{}", at + 1);
            if !args.urls.is_empty() {
                self.set(&format!("endpoints.{name}"), "url");
            }
            self.file.endpoints.insert(name, endpoint);
        }
        Ok(())
    }

    /// The app of the command line, which stands alone.
    fn app(&mut self, args: &Serve) -> anyhow::Result<()> {
        let flags = args.app_flags();
        match (&args.app, self.file.apps.is_empty()) {
            (Some(app), false) => bail!(
                "{} is given, and the configuration file has apps; add it there, as component of [apps.NAME]",
                app.display()
            ),
            (None, false) => match flags.first() {
                Some((flag, key)) => bail!("--{flag} is for the app of a command line; in the file write {key}"),
                None => return Ok(()),
            },
            (_, true) => {}
        }
        let name = args.app.as_deref().map_or_else(|| WELCOME.to_owned(), app_name);
        let mut app = App::new(args.app.clone().unwrap_or_default());
        app.middleware.clone_from(&args.middleware);
        app.grants.files.clone_from(&args.files);
        let (limits, reuse) = (&mut app.limits, &mut app.reuse);
        limits.timeout = args.timeout.map_or(limits.timeout, |timeout| seconds(timeout.get()));
        limits.max_timeout = args.max_timeout.map_or(limits.max_timeout, |timeout| seconds(timeout.get()));
        limits.answer_timeout =
            args.answer_timeout.map_or(limits.answer_timeout, |timeout| OrNone(Some(seconds(timeout.get()))));
        limits.max_memory = args.max_memory.map_or(limits.max_memory, mebibytes);
        let instances = args.max_instances.and_then(|max| NonZeroUsize::new(max.get() as usize));
        limits.max_instances = instances.or(limits.max_instances);
        reuse.mode = args.reuse.unwrap_or(reuse.mode);
        reuse.max_requests = args.reuse_requests.unwrap_or(reuse.max_requests);
        reuse.max_concurrent = args.reuse_concurrency.unwrap_or(reuse.max_concurrent);
        reuse.idle = args.reuse_idle.map_or(reuse.idle, seconds);
        for (flag, key) in flags {
            self.set(&key.replace("NAME", &name), flag);
        }
        self.file.apps.insert(name, app);
        Ok(())
    }
}

impl Http2 {
    fn protocols(self) -> Protocols {
        match self {
            Self::On => Protocols::Http1AndHttp2,
            Self::Off => Protocols::Http1,
            Self::Only => Protocols::Http2,
        }
    }
}

fn seconds(seconds: u64) -> Time {
    Time(Duration::from_secs(seconds))
}

pub(crate) fn mebibytes(number: NonZeroUsize) -> Size {
    Size((number.get() as u64).saturating_mul(1 << 20))
}

/// Where it is served without an endpoint.
const DEFAULT_URL: &str = "http://127.0.0.1:8080";

/// The name of the welcome app.
pub(crate) const WELCOME: &str = "welcome";
