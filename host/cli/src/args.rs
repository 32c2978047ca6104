//! The command line as typed.

#[cfg(feature = "authoring")]
pub mod authoring;
mod environment;
mod word;

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Parser, Subcommand, ValueEnum};
use windhover_contract::Limits;
use windhover_sandbox::{Reuse, SandboxLimits};

pub(crate) use self::environment::unknown_variables;
use self::word::word;

pub use windhover_server::config::file::{ClientCertificates, Format, GuestLog, Level, ReuseMode, Version};

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
    #[command(after_long_help = SIGNALS)]
    Serve(Box<Serve>),
    /// What authors of apps use.
    #[cfg(feature = "authoring")]
    #[command(flatten)]
    Authoring(authoring::Command),
    /// Tell what a file is, what it needs, and whether this host can serve it
    ///
    /// Runs nothing and compiles none of its functions. The exit code is 0 if `windhover serve` would take it, else 1.
    Check(Check),
    /// Compile an app ahead, into a file that a server starts from at once
    ///
    /// The file holds the component and its machine code. `windhover serve APP.cwasm` compiles nothing, if it is of the
    /// same version and runs on such a machine; else it says so and compiles the component. Machine code is trusted as
    /// any program is: it is used only if the file belongs to the server's user or to root, and others cannot write it.
    Compile(Compile),
    /// Check or show a configuration file, or print what it may hold
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Tell what this machine has for a server, and what would make it faster
    ///
    /// Looks at the kernel, address space, cores, memory, descriptors, ports and the cache, and says what to do about each
    /// that is poor; then looks for the tools of each language that an app can be written in. The exit code is 0 if a
    /// server can run, else 1.
    Doctor,
}

/// What `windhover serve --help` ends with. `windhover-server` does it (`signals`).
const SIGNALS: &str = "\
Signals:
  TERM, INT, QUIT  Leave: requests in flight may finish within server.drain-timeout; a second one ends at once.
                   While apps are still being loaded: end at once, with exit code 0
  HUP              Read the configuration file anew; while apps are still being loaded, as soon as they are
  USR1, USR2       Nothing: the log goes to standard error, so there is no file to open anew; sockets that systemd
                   holds let a restart refuse nobody
  PIPE, WINCH      Nothing";

/// `windhover serve`.
///
/// What is absent is as the configuration file says, or else the default.
#[derive(Clone, Debug, Default, Parser)]
pub struct Serve {
    /// The app: a .wasm component, or its text (.wat). Without it the apps of the configuration file are served, or
    /// without that a welcome page
    #[arg(value_name = "APP.wasm")]
    pub app: Option<PathBuf>,

    /// Configuration file [default: windhover.toml, if it is here and no app is given]
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the configuration that all this asks for, with where each value comes from, and serve nothing
    #[arg(long)]
    pub show_config: bool,

    /// A component that stands before the app; may be given more than once, the outermost first
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Where to listen; may be given more than once. Port 0 takes a free port, * every address
    #[arg(
        long = "url", env = "WINDHOVER_URL", value_name = "URL", value_delimiter = ',',
        help = with_default(
            "Where to listen; may be given more than once. Port 0 takes a free port, * every address",
            "http://127.0.0.1:8080",
        ),
    )]
    pub urls: Vec<String>,

    /// Certificate for https URLs: PEM with its chain, or PKCS#12 (.p12, .pfx). Read anew when it changes
    #[arg(long, env = "WINDHOVER_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Key of a PEM certificate [default: in the same file]
    #[arg(long, env = "WINDHOVER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// File with the password of a PKCS#12 certificate [default: none]
    #[arg(long, env = "WINDHOVER_TLS_PASSWORD_FILE", value_name = "FILE", requires = "tls_cert")]
    pub tls_password_file: Option<PathBuf>,

    /// Oldest TLS version that is spoken [default: 1.2]
    #[arg(long, env = "WINDHOVER_TLS_MIN_VERSION", value_name = "VERSION", value_parser = word::<Version>(), requires = "tls_cert")]
    pub tls_min_version: Option<Version>,

    /// Whether clients are asked for a certificate, and may or may not come without one [default: none]
    #[arg(long, env = "WINDHOVER_TLS_CLIENT_CERT", value_name = "HOW", value_parser = word::<ClientCertificates>(), requires = "tls_cert")]
    pub tls_client_cert: Option<ClientCertificates>,

    /// Authorities that clients' certificates are checked against, as PEM
    #[arg(long, env = "WINDHOVER_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether HTTP/2 is spoken beside HTTP/1.1, not at all, or only [default: on]
    #[arg(long, env = "WINDHOVER_H2", value_name = "WHETHER", value_enum)]
    pub h2: Option<Http2>,

    /// An endpoint for whoever looks after the server: /metrics, /healthz, /readyz [default: none]
    #[arg(long, env = "WINDHOVER_ADMIN_URL", value_name = "URL")]
    pub admin_url: Option<String>,

    /// A collector of OpenTelemetry that traces are sent to, such as http://127.0.0.1:4318 [default: none]
    #[arg(long, env = "WINDHOVER_TRACES_URL", value_name = "URL")]
    pub traces_url: Option<String>,

    /// Time that the app may take to the head of its answer; what it waits for its client is not counted.
    #[arg(
        long, env = "WINDHOVER_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Time that the app may take to the head of its answer; what it waits for its client is not counted",
            SandboxLimits::default().timeout.as_secs(),
        ),
    )]
    pub timeout: Option<NonZeroU64>,

    /// Most time that the app may ask for, where it takes longer to the head; a WebSocket has it at once.
    #[arg(
        long, env = "WINDHOVER_MAX_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Most time that the app may ask for, where it takes longer to the head; a WebSocket has it at once",
            SandboxLimits::default().max_timeout.as_secs(),
        ),
    )]
    pub max_timeout: Option<NonZeroU64>,

    /// Time that the app may take for a whole answer, whatever it waits for [default: as long as it goes on]
    #[arg(long, env = "WINDHOVER_ANSWER_TIMEOUT", value_name = "SECONDS")]
    pub answer_timeout: Option<NonZeroU64>,

    /// Folder whose files the app may send (windhover:http/send-file) [default: none]
    #[arg(long, env = "WINDHOVER_FILES", value_name = "FOLDER")]
    pub files: Option<PathBuf>,

    /// Memory that a request's instance may use.
    #[arg(
        long, env = "WINDHOVER_MAX_MEMORY", value_name = "MIB",
        help = with_default("Memory that a request's instance may use", SandboxLimits::default().max_memory >> 20),
    )]
    pub max_memory: Option<NonZeroUsize>,

    /// Largest request body; 0 is unlimited.
    #[arg(
        long, env = "WINDHOVER_MAX_BODY_SIZE", value_name = "BYTES",
        help = with_default(
            "Largest request body; 0 is unlimited",
            Limits::default().max_request_body_size.unwrap_or(0),
        ),
    )]
    pub max_body_size: Option<u64>,

    /// Connections at once; one more is answered 503. 0 is any number.
    #[arg(
        long, env = "WINDHOVER_MAX_CONNECTIONS", value_name = "NUMBER",
        help = with_default(
            "Connections at once; one more is answered 503. 0 is any number",
            Limits::default().max_connections.unwrap_or(0),
        ),
    )]
    pub max_connections: Option<u32>,

    /// Time that a request's head may take from its first octet; exceeding it is answered 408.
    #[arg(
        long, env = "WINDHOVER_HEAD_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Time that a request's head may take from its first octet; exceeding it is answered 408",
            Limits::default().request_head_timeout.as_secs(),
        ),
    )]
    pub head_timeout: Option<NonZeroU64>,

    /// Time that a connection may idle before its first request and between two.
    #[arg(
        long, env = "WINDHOVER_IDLE_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Time that a connection may idle before its first request and between two",
            Limits::default().keep_alive_timeout.as_secs(),
        ),
    )]
    pub idle_timeout: Option<NonZeroU64>,

    /// Instances at work at once; more requests wait.
    #[arg(
        long, env = "WINDHOVER_MAX_INSTANCES", value_name = "NUMBER",
        help = with_default("Instances at work at once; more requests wait", SandboxLimits::default().max_instances),
    )]
    pub max_instances: Option<NonZeroU32>,

    /// Content that the host holds for all requests together: answers that clients take slowly, request bodies that are
    /// collected, messages of WebSockets [default: a quarter of the memory that there is beyond 64, 16 at least and 1024
    /// at most]
    #[arg(long, env = "WINDHOVER_MAX_BUFFERED", value_name = "MIB")]
    pub max_buffered: Option<NonZeroUsize>,

    /// Whether an instance answers more than one request [default: never]
    #[arg(long, env = "WINDHOVER_REUSE", value_name = "HOW", value_parser = word::<ReuseMode>())]
    pub reuse: Option<ReuseMode>,

    /// Requests that a reused instance answers before a fresh one takes its place.
    #[arg(
        long, env = "WINDHOVER_REUSE_REQUESTS", value_name = "NUMBER",
        help = with_default(
            "Requests that a reused instance answers before a fresh one takes its place",
            Reuse::DEFAULT_MAX_REQUESTS,
        ),
    )]
    pub reuse_requests: Option<NonZeroU32>,

    /// Requests that a reused instance answers at once, with --reuse concurrent.
    #[arg(
        long, env = "WINDHOVER_REUSE_CONCURRENCY", value_name = "NUMBER",
        help = with_default(
            "Requests that a reused instance answers at once, with --reuse concurrent",
            Reuse::DEFAULT_MAX_CONCURRENT,
        ),
    )]
    pub reuse_concurrency: Option<NonZeroU32>,

    /// Time after which a reused instance without requests is dropped; 0 is at once.
    #[arg(
        long, env = "WINDHOVER_REUSE_IDLE", value_name = "SECONDS",
        help = with_default(
            "Time after which a reused instance without requests is dropped; 0 is at once",
            Reuse::DEFAULT_IDLE.as_secs(),
        ),
    )]
    pub reuse_idle: Option<u64>,

    /// Threads that serve requests [default: one per core]
    #[arg(long, env = "WINDHOVER_WORKERS", value_name = "NUMBER")]
    pub workers: Option<NonZeroUsize>,

    /// Where compiled apps are kept [default: windhover in the user's cache folder]
    #[arg(long, env = "WINDHOVER_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,

    /// Compile the app anew and keep nothing
    #[arg(
        long, env = "WINDHOVER_NO_CACHE", value_name = "WHETHER", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new(),
    )]
    pub no_cache: Option<bool>,

    /// What to log to standard error [default: info]
    #[arg(long, env = "WINDHOVER_LOG", value_name = "LEVEL", value_parser = word::<Level>())]
    pub log: Option<Level>,

    /// Which output of apps is logged [default: all if --log is info or says more, else off]
    #[arg(long, env = "WINDHOVER_GUEST_LOG", value_name = "WHICH", value_parser = word::<GuestLog>())]
    pub guest_log: Option<GuestLog>,

    /// Log each request when it has ended
    #[arg(
        long, env = "WINDHOVER_ACCESS_LOG", value_name = "WHETHER", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new(),
    )]
    pub access_log: Option<bool>,

    /// How a line of the log is written [default: text]
    #[arg(long, env = "WINDHOVER_LOG_FORMAT", value_name = "FORMAT", value_parser = word::<Format>())]
    pub log_format: Option<Format>,

    /// How often files are looked at; for `windhover dev`.
    #[arg(skip)]
    pub(crate) watch_interval: Option<Duration>,
}

/// `windhover config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell what is wrong with a configuration file; the exit code is 0 if nothing is, else 1
    Check(ConfigFile),
    /// Print a configuration with all its defaults, and where each other value comes from
    Show(ConfigFile),
    /// Print the JSON schema of the file: every key with its meaning and default
    Schema,
}

/// Which configuration file.
#[derive(Debug, Parser)]
pub struct ConfigFile {
    /// The file
    #[arg(value_name = "FILE", default_value = "windhover.toml")]
    pub file: PathBuf,
}

/// `windhover check`.
#[derive(Debug, Parser)]
pub struct Check {
    /// The app: a .wasm component, or its text (.wat)
    #[arg(value_name = "APP.wasm", required_unless_present = "config", conflicts_with = "config")]
    pub app: Option<PathBuf>,

    /// Tell of each app in a configuration file what it asks for, and what it is granted
    #[arg(long, value_name = "FILE", conflicts_with = "middleware")]
    pub config: Option<PathBuf>,

    /// A component that stands before the app, as for `serve`; may be given more than once
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Memory that an instance may use, as for `serve`
    #[arg(
        long, env = "WINDHOVER_MAX_MEMORY", value_name = "MIB",
        help = with_default("Memory that an instance may use, as for `serve`", SandboxLimits::default().max_memory >> 20),
    )]
    pub max_memory: Option<NonZeroUsize>,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// `windhover compile`.
#[derive(Debug, Parser)]
pub struct Compile {
    /// The app: a .wasm component, or its text (.wat)
    #[arg(value_name = "APP.wasm")]
    pub app: PathBuf,

    /// A component that stands before the app, as for `serve`; may be given more than once
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// The file to write [default: the app's name with .cwasm, in its folder]
    #[arg(short, long, value_name = "APP.cwasm")]
    pub out: Option<PathBuf>,

    /// The machine to compile for, as Rust names it: x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu, ... Its code
    /// runs on every processor of that kind [default: this machine, with all that its processor can do]
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
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

impl Serve {
    /// The flags that are given and are about one app, each with the key that says the same in a file.
    pub(crate) fn app_flags(&self) -> Vec<(&'static str, &'static str)> {
        let given = [
            (!self.middleware.is_empty(), "middleware", "apps.NAME.middleware"),
            (self.files.is_some(), "files", "apps.NAME.grants.files"),
            (self.timeout.is_some(), "timeout", "apps.NAME.limits.timeout"),
            (self.max_timeout.is_some(), "max-timeout", "apps.NAME.limits.max-timeout"),
            (self.answer_timeout.is_some(), "answer-timeout", "apps.NAME.limits.answer-timeout"),
            (self.max_memory.is_some(), "max-memory", "apps.NAME.limits.max-memory"),
            (self.reuse.is_some(), "reuse", "apps.NAME.reuse.mode"),
            (self.reuse_requests.is_some(), "reuse-requests", "apps.NAME.reuse.max-requests"),
            (self.reuse_concurrency.is_some(), "reuse-concurrency", "apps.NAME.reuse.max-concurrent"),
            (self.reuse_idle.is_some(), "reuse-idle", "apps.NAME.reuse.idle"),
        ];
        given.into_iter().filter(|(is_given, ..)| *is_given).map(|(_, flag, key)| (flag, key)).collect()
    }
}

/// The rooms own their defaults; a help text only shows them.
fn with_default(help: &str, default: impl std::fmt::Display) -> String {
    format!("{help} [default: {default}]")
}
