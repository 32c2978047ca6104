//! The command line as typed.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};
use tracing::level_filters::LevelFilter;
use windhover_contract::Limits;
use windhover_http::{ClientCertificateMode, Protocols, TlsVersion};
use windhover_sandbox::{Reuse, SandboxLimits};

/// A web server for WebAssembly apps.
///
/// Runs a .wasm component as a web app: each request in a sandbox of its own.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What `windhover` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve an app over HTTP until Ctrl-C
    ///
    /// Serves until Ctrl-C or SIGTERM, then lets requests in flight finish; a second Ctrl-C stops at once.
    Serve(Box<Serve>),
    /// Tell what a file is, what it needs, and whether this host can serve it
    ///
    /// Runs nothing and compiles nothing. The exit code is 0 if `windhover serve` would take it, else 1.
    Check(Check),
    /// Make a certificate for developing with HTTPS on this machine
    ///
    /// Writes dev-cert.pem and dev-key.pem for localhost, 127.0.0.1 and ::1, signed by an authority that is made once
    /// and kept in the user's data folder, and tells how to trust it. Run again, it renews them.
    DevCert(DevCert),
}

/// `windhover serve`.
#[derive(Debug, Parser)]
pub struct Serve {
    /// The app: a .wasm component, or its text (.wat). Without it, a welcome page is served
    #[arg(value_name = "APP.wasm")]
    pub app: Option<PathBuf>,

    /// A component that stands before the app; may be given more than once, the outermost first
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Where to listen; may be given more than once. Port 0 takes a free port, * every address
    #[arg(long = "url", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub urls: Vec<String>,

    /// Certificate for https URLs: PEM with its chain, or PKCS#12 (.p12, .pfx). Read anew when it changes
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Key of a PEM certificate [default: in the same file]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// File with the password of a PKCS#12 certificate [default: none]
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_password_file: Option<PathBuf>,

    /// Oldest TLS version that is spoken: 1.2 or 1.3
    #[arg(long, value_name = "VERSION", default_value = "1.2", requires = "tls_cert")]
    pub tls_min_version: TlsVersion,

    /// Whether clients are asked for a certificate: none, allow (it may be absent) or require
    #[arg(long, value_name = "HOW", default_value = "none", requires = "tls_cert")]
    pub tls_client_cert: ClientCertificateMode,

    /// Authorities that clients' certificates are checked against, as PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether HTTP/2 is spoken beside HTTP/1.1, not at all, or only
    #[arg(long, value_name = "WHETHER", value_enum, default_value_t = Http2::On)]
    pub h2: Http2,

    /// Time that a request may take, from the app's first instruction to its last byte
    #[arg(long, value_name = "SECONDS", default_value_t = default_timeout())]
    pub timeout: NonZeroU64,

    /// Most time that the app may ask for, for a request that takes longer; a WebSocket has it at once
    #[arg(long, value_name = "SECONDS", default_value_t = default_max_timeout())]
    pub max_timeout: NonZeroU64,

    /// Folder whose files the app may send (windhover:http/send-file) [default: none]
    #[arg(long, value_name = "FOLDER")]
    pub files: Option<PathBuf>,

    /// Memory that a request's instance may use
    #[arg(long, value_name = "MIB", default_value_t = default_max_memory())]
    pub max_memory: NonZeroUsize,

    /// Largest request body; 0 is unlimited
    #[arg(long, value_name = "BYTES", default_value_t = default_max_body_size())]
    pub max_body_size: u64,

    /// Connections at once; one more is answered 503. 0 is any number
    #[arg(long, value_name = "NUMBER", default_value_t = default_max_connections())]
    pub max_connections: usize,

    /// Time that a request's head may take from its first octet; exceeding it is answered 408
    #[arg(long, value_name = "SECONDS", default_value_t = default_head_timeout())]
    pub head_timeout: NonZeroU64,

    /// Time that a connection may idle before its first request and between two
    #[arg(long, value_name = "SECONDS", default_value_t = default_idle_timeout())]
    pub idle_timeout: NonZeroU64,

    /// Instances at work at once; more requests wait
    #[arg(long, value_name = "NUMBER", default_value_t = default_max_instances())]
    pub max_instances: NonZeroU32,

    /// Content that the host holds for all requests together: answers that clients take slowly, request bodies that are
    /// collected [default: a quarter of the memory there is, 32 at least and 1024 at most]
    #[arg(long, value_name = "MIB")]
    pub max_buffered: Option<NonZeroUsize>,

    /// Whether an instance answers more than one request
    #[arg(long, value_name = "HOW", value_enum, default_value_t = ReuseMode::Never)]
    pub reuse: ReuseMode,

    /// Requests that a reused instance answers before a fresh one takes its place
    #[arg(long, value_name = "NUMBER", default_value_t = default_reuse_requests())]
    pub reuse_requests: NonZeroU32,

    /// Requests that a reused instance answers at once, with --reuse concurrent
    #[arg(long, value_name = "NUMBER", default_value_t = default_reuse_concurrency())]
    pub reuse_concurrency: NonZeroU32,

    /// Time after which a reused instance without requests is dropped; 0 is at once
    #[arg(long, value_name = "SECONDS", default_value_t = Reuse::DEFAULT_IDLE.as_secs())]
    pub reuse_idle: u64,

    /// Threads that serve requests [default: one per core]
    #[arg(long, value_name = "NUMBER")]
    pub workers: Option<NonZeroUsize>,

    /// Where compiled apps are kept [default: windhover in the user's cache folder]
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_cache")]
    pub cache: Option<PathBuf>,

    /// Compile the app anew and keep nothing
    #[arg(long)]
    pub no_cache: bool,

    /// What to log to standard error: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log: LevelFilter,
}

/// `windhover check`.
#[derive(Debug, Parser)]
pub struct Check {
    /// The app: a .wasm component, or its text (.wat)
    #[arg(value_name = "APP.wasm")]
    pub app: PathBuf,

    /// A component that stands before the app, as for `serve`; may be given more than once
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `windhover dev-cert`.
#[derive(Debug, Parser)]
pub struct DevCert {
    /// A further DNS name or IP address that the certificate is for; may be given more than once
    #[arg(long = "host", value_name = "NAME")]
    pub hosts: Vec<String>,

    /// Folder for the certificate and its key
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub out: PathBuf,
}

/// How `--h2` is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Http2 {
    /// HTTP/1.1 and HTTP/2, on one port
    On,
    /// Only HTTP/1.1
    Off,
    /// Only HTTP/2
    Only,
}

impl Http2 {
    /// The versions of HTTP that are spoken.
    pub(crate) fn protocols(self) -> Protocols {
        match self {
            Self::On => Protocols::Http1AndHttp2,
            Self::Off => Protocols::Http1,
            Self::Only => Protocols::Http2,
        }
    }
}

/// How `--reuse` is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReuseMode {
    /// Each request has a fresh instance
    Never,
    /// One request after the other
    Serial,
    /// Several requests at once (wasi:http 0.3); serial for apps that cannot do that
    Concurrent,
}

impl Serve {
    /// How instances are used, as the sandbox understands it.
    pub(crate) fn reuse(&self) -> Reuse {
        let (max_requests, idle) = (self.reuse_requests.get(), Duration::from_secs(self.reuse_idle));
        match self.reuse {
            ReuseMode::Never => Reuse::Never,
            ReuseMode::Serial => Reuse::Serial { max_requests, idle },
            ReuseMode::Concurrent => {
                Reuse::Concurrent { max_requests, max_concurrent: self.reuse_concurrency.get(), idle }
            }
        }
    }
}

// The rooms own their defaults; here they are only put into the units of the command line.

fn default_timeout() -> NonZeroU64 {
    NonZeroU64::new(SandboxLimits::default().timeout.as_secs()).expect("the default is seconds long")
}

fn default_max_timeout() -> NonZeroU64 {
    NonZeroU64::new(SandboxLimits::default().max_timeout.as_secs()).expect("the default is seconds long")
}

fn default_max_memory() -> NonZeroUsize {
    NonZeroUsize::new(SandboxLimits::default().max_memory >> 20).expect("the default is mebibytes large")
}

fn default_max_body_size() -> u64 {
    Limits::default().max_request_body_size.unwrap_or(0)
}

fn default_max_connections() -> usize {
    Limits::default().max_connections.unwrap_or(0)
}

fn default_head_timeout() -> NonZeroU64 {
    NonZeroU64::new(Limits::default().request_head_timeout.as_secs()).expect("the default is seconds long")
}

fn default_idle_timeout() -> NonZeroU64 {
    NonZeroU64::new(Limits::default().keep_alive_timeout.as_secs()).expect("the default is seconds long")
}

fn default_max_instances() -> NonZeroU32 {
    let instances = SandboxLimits::default().max_instances.try_into().ok();
    instances.and_then(NonZeroU32::new).expect("the default is a positive 32-bit number")
}

fn default_reuse_requests() -> NonZeroU32 {
    NonZeroU32::new(Reuse::DEFAULT_MAX_REQUESTS).expect("the default is positive")
}

fn default_reuse_concurrency() -> NonZeroU32 {
    NonZeroU32::new(Reuse::DEFAULT_MAX_CONCURRENT).expect("the default is positive")
}
