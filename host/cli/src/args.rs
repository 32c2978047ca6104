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
    /// On Ctrl-C or SIGTERM it lets requests in flight finish; a second Ctrl-C stops at once.
    #[command(after_long_help = SIGNALS)]
    Serve(Box<Serve>),
    /// What authors of apps use.
    #[cfg(feature = "authoring")]
    #[command(flatten)]
    Authoring(authoring::Command),
    /// Check what a file is, what it needs, and whether this host can serve it
    ///
    /// Runs nothing, and compiles none of its functions. The exit code is 0 if `windhover serve` would accept it, else
    /// 1.
    Check(Check),
    /// Compile an app ahead of time, into a file from which a server starts at once
    ///
    /// The file contains the component and its machine code. If the code is for another version of Windhover or another
    /// processor, `windhover serve APP.cwasm` compiles the component again, and logs why. Machine code is trusted like
    /// a program: it is used only if the file belongs to the server's user or to root, and others cannot write it.
    Compile(Compile),
    /// Check or show a configuration file, or print its schema
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Check this machine for a server, and what would make it faster
    ///
    /// Looks at the kernel, address space, cores, memory, descriptors, ports and the cache, and says what to do about
    /// what is poor; then looks for the tools of each language. The exit code is 0 if a server can run, else 1.
    Doctor,
}

/// What `windhover serve --help` ends with. `windhover-server` does it (`signals`).
const SIGNALS: &str = "\
Signals:
  TERM, INT, QUIT  Shut down: requests in flight may finish within server.drain-timeout; a second signal stops at
                   once. While apps are still being loaded: exit at once, with code 0
  HUP              Read the configuration file again; while apps are still being loaded, as soon as they are
  USR1, USR2       Nothing: the log goes to standard error, so there is no log file to reopen. With sockets that systemd
                   holds, a restart refuses no connection
  PIPE, WINCH      Nothing";

/// `windhover serve`.
///
/// What is absent is as the configuration file says, or else the default.
#[derive(Clone, Debug, Default, Parser)]
pub struct Serve {
    /// The app: a .wasm component, or its text (.wat). Without it: the apps of the configuration file, or else a
    /// welcome page
    #[arg(value_name = "APP.wasm")]
    pub app: Option<PathBuf>,

    /// Configuration file [default: windhover.toml, if it is here and no app is given]
    #[arg(long, env = "WINDHOVER_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Print the resulting configuration, with where each value comes from, and exit
    #[arg(long)]
    pub show_config: bool,

    /// A component that stands before the app; may be given more than once, the outermost first
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Address to listen on; may be given more than once. Port 0: a free port; *: every address
    #[arg(
        long = "url", env = "WINDHOVER_URL", value_name = "URL", value_delimiter = ',',
        help = with_default(
            "Address to listen on; may be given more than once. Port 0: a free port; *: every address",
            "http://127.0.0.1:8080",
        ),
    )]
    pub urls: Vec<String>,

    /// Certificate for https URLs: PEM with its chain, or PKCS#12 (.p12, .pfx). Changes are read automatically
    #[arg(long, env = "WINDHOVER_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// Key of a PEM certificate [default: in the same file]
    #[arg(long, env = "WINDHOVER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// File with the password of a PKCS#12 certificate [default: none]
    #[arg(long, env = "WINDHOVER_TLS_PASSWORD_FILE", value_name = "FILE", requires = "tls_cert")]
    pub tls_password_file: Option<PathBuf>,

    /// Oldest version of TLS [default: 1.2]
    #[arg(long, env = "WINDHOVER_TLS_MIN_VERSION", value_name = "VERSION", value_parser = word::<Version>(), requires = "tls_cert")]
    pub tls_min_version: Option<Version>,

    /// Whether clients are asked for a certificate [default: none]
    #[arg(long, env = "WINDHOVER_TLS_CLIENT_CERT", value_name = "HOW", value_parser = word::<ClientCertificates>(), requires = "tls_cert")]
    pub tls_client_cert: Option<ClientCertificates>,

    /// PEM file with the authorities that clients' certificates are checked against
    #[arg(long, env = "WINDHOVER_TLS_CLIENT_CA", value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// Whether to speak HTTP/2 beside HTTP/1.1, not at all, or only [default: on]
    #[arg(long, env = "WINDHOVER_H2", value_name = "WHETHER", value_enum)]
    pub h2: Option<Http2>,

    /// An endpoint for operators: /metrics, /healthz, /readyz [default: none]
    #[arg(long, env = "WINDHOVER_ADMIN_URL", value_name = "URL")]
    pub admin_url: Option<String>,

    /// OpenTelemetry collector for traces, such as http://127.0.0.1:4318 [default: none]
    #[arg(long, env = "WINDHOVER_TRACES_URL", value_name = "URL")]
    pub traces_url: Option<String>,

    /// Time to the head of the response; waiting for the client does not count.
    #[arg(
        long, env = "WINDHOVER_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Time to the head of the response; waiting for the client does not count",
            SandboxLimits::default().timeout.as_secs(),
        ),
    )]
    pub timeout: Option<NonZeroU64>,

    /// The longest time that the app may ask for; it applies at once to WebSockets.
    #[arg(
        long, env = "WINDHOVER_MAX_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "The longest time that the app may ask for; it applies at once to WebSockets",
            SandboxLimits::default().max_timeout.as_secs(),
        ),
    )]
    pub max_timeout: Option<NonZeroU64>,

    /// Time for the whole response, including every wait [default: none]
    #[arg(long, env = "WINDHOVER_ANSWER_TIMEOUT", value_name = "SECONDS")]
    pub answer_timeout: Option<NonZeroU64>,

    /// Folder whose files the app may send (windhover:http/send-file) [default: none]
    #[arg(long, env = "WINDHOVER_FILES", value_name = "FOLDER")]
    pub files: Option<PathBuf>,

    /// Memory of an instance.
    #[arg(
        long, env = "WINDHOVER_MAX_MEMORY", value_name = "MIB",
        help = with_default("Memory of an instance", SandboxLimits::default().max_memory >> 20),
    )]
    pub max_memory: Option<NonZeroUsize>,

    /// Largest request body; 0: unlimited.
    #[arg(
        long, env = "WINDHOVER_MAX_BODY_SIZE", value_name = "BYTES",
        help = with_default(
            "Largest request body; 0: unlimited",
            Limits::default().max_request_body_size.unwrap_or(0),
        ),
    )]
    pub max_body_size: Option<u64>,

    /// Connections at the same time; one more gets a 503. 0: unlimited.
    #[arg(
        long, env = "WINDHOVER_MAX_CONNECTIONS", value_name = "NUMBER",
        help = with_default(
            "Connections at the same time; one more gets a 503. 0: unlimited",
            Limits::default().max_connections.map_or(0, NonZeroUsize::get),
        ),
    )]
    pub max_connections: Option<u32>,

    /// Time for a request's head, from its first byte; beyond it the client gets a 408.
    #[arg(
        long, env = "WINDHOVER_HEAD_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "Time for a request's head, from its first byte; beyond it the client gets a 408",
            Limits::default().request_head_timeout.as_secs(),
        ),
    )]
    pub head_timeout: Option<NonZeroU64>,

    /// How long a connection may be idle, before its first request and between two.
    #[arg(
        long, env = "WINDHOVER_IDLE_TIMEOUT", value_name = "SECONDS",
        help = with_default(
            "How long a connection may be idle, before its first request and between two",
            Limits::default().keep_alive_timeout.as_secs(),
        ),
    )]
    pub idle_timeout: Option<NonZeroU64>,

    /// Instances that work at the same time; further requests wait.
    #[arg(
        long, env = "WINDHOVER_MAX_INSTANCES", value_name = "NUMBER",
        help = with_default("Instances that work at the same time; further requests wait", SandboxLimits::default().max_instances),
    )]
    pub max_instances: Option<NonZeroU32>,

    /// Content that the host holds for all requests together: responses to slow clients, collected request bodies, WebSocket
    /// messages [default: a quarter of the memory beyond 64, at least 16 and at most 1024]
    #[arg(long, env = "WINDHOVER_MAX_BUFFERED", value_name = "MIB")]
    pub max_buffered: Option<NonZeroUsize>,

    /// Whether an instance answers more than one request [default: never]
    #[arg(long, env = "WINDHOVER_REUSE", value_name = "HOW", value_parser = word::<ReuseMode>())]
    pub reuse: Option<ReuseMode>,

    /// Requests that a reused instance answers before a fresh one replaces it.
    #[arg(
        long, env = "WINDHOVER_REUSE_REQUESTS", value_name = "NUMBER",
        help = with_default(
            "Requests that a reused instance answers before a fresh one replaces it",
            Reuse::DEFAULT_MAX_REQUESTS,
        ),
    )]
    pub reuse_requests: Option<NonZeroU32>,

    /// Requests that a reused instance answers at the same time, with --reuse concurrent.
    #[arg(
        long, env = "WINDHOVER_REUSE_CONCURRENCY", value_name = "NUMBER",
        help = with_default(
            "Requests that a reused instance answers at the same time, with --reuse concurrent",
            Reuse::DEFAULT_MAX_CONCURRENT,
        ),
    )]
    pub reuse_concurrency: Option<NonZeroU32>,

    /// How long an idle instance is kept, with --reuse; 0: not at all.
    #[arg(
        long, env = "WINDHOVER_REUSE_IDLE", value_name = "SECONDS",
        help = with_default(
            "How long an idle instance is kept, with --reuse; 0: not at all",
            Reuse::DEFAULT_IDLE.as_secs(),
        ),
    )]
    pub reuse_idle: Option<u64>,

    /// Threads that serve requests [default: one per core]
    #[arg(long, env = "WINDHOVER_WORKERS", value_name = "NUMBER")]
    pub workers: Option<NonZeroUsize>,

    /// Folder for compiled apps [default: windhover in the user's cache folder]
    #[arg(long, env = "WINDHOVER_CACHE", value_name = "FOLDER")]
    pub cache: Option<PathBuf>,

    /// Compile the app, and keep nothing
    #[arg(
        long, env = "WINDHOVER_NO_CACHE", value_name = "WHETHER", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new(),
    )]
    pub no_cache: Option<bool>,

    /// What to log to standard error [default: info]
    #[arg(long, env = "WINDHOVER_LOG", value_name = "LEVEL", value_parser = word::<Level>())]
    pub log: Option<Level>,

    /// Which output of apps is logged [default: all if --log is info, debug or trace, else off]
    #[arg(long, env = "WINDHOVER_GUEST_LOG", value_name = "WHICH", value_parser = word::<GuestLog>())]
    pub guest_log: Option<GuestLog>,

    /// Log each request when it has ended
    #[arg(
        long, env = "WINDHOVER_ACCESS_LOG", value_name = "WHETHER", num_args = 0..=1, require_equals = true,
        default_missing_value = "true", value_parser = BoolishValueParser::new(),
    )]
    pub access_log: Option<bool>,

    /// Format of a line of the log [default: text]
    #[arg(long, env = "WINDHOVER_LOG_FORMAT", value_name = "FORMAT", value_parser = word::<Format>())]
    pub log_format: Option<Format>,

    /// How often files are looked at; for `windhover dev`.
    #[arg(skip)]
    pub(crate) watch_interval: Option<Duration>,
}

/// `windhover config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print what is wrong with a configuration file; the exit code is 0 if nothing is, else 1
    Check(ConfigFile),
    /// Print a configuration with all defaults, and where each other value comes from
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

    /// Check each app of a configuration file, and print what it asks for and what it is granted
    #[arg(long, value_name = "FILE", conflicts_with = "middleware")]
    pub config: Option<PathBuf>,

    /// A component that stands before the app, as for `serve`; may be given more than once
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Memory of an instance, as for `serve`
    #[arg(
        long, env = "WINDHOVER_MAX_MEMORY", value_name = "MIB",
        help = with_default("Memory of an instance, as for `serve`", SandboxLimits::default().max_memory >> 20),
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
