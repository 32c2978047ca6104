//! The command line as typed.

#[cfg(feature = "authoring")]
pub mod authoring;
pub mod front;
pub mod settings;

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Parser, Subcommand};
use windhover_contract::Feature;

use settings::{Settings, Takes};

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
    #[command(after_long_help = NOTES)]
    Serve(Box<Serve>),
    /// What authors of apps use.
    #[cfg(feature = "authoring")]
    #[command(flatten)]
    Authoring(authoring::Command),
    /// Report what a file is, what it needs, and whether this host can serve it
    ///
    /// Runs nothing, and compiles no function. The exit code is 0 if `windhover serve` would accept it, else
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
    /// Print a configuration for a reverse proxy in front of a server, with the lines that windhover.toml needs
    ///
    /// The configuration passes TLS, WebSocket, gRPC and streams, tells Windhover the client's address, and has the
    /// limits of windhover.toml.
    Front(front::Front),
    /// Check whether this machine can run a server, and say what would make it faster
    ///
    /// Checks the kernel, address space, cores, memory, descriptors, ports and the cache, and says how to improve what
    /// is poor. Then it looks for the tools of each language. The exit code is 0 if a server can run, else 1.
    Doctor,
}

/// What `windhover serve --help` ends with. `windhover-server` handles the signals.
const NOTES: &str = "\
Values:
  TIME  500ms, 30s, 2m or 1h; a number alone is in seconds
  SIZE  64KiB or 30MB; a number alone is in bytes, for --max-memory and --max-buffered in MiB
  0 or none turns off a limit that can be off

Signals:
  TERM, INT, QUIT  Shut down: requests in flight may finish within server.drain-timeout; a second signal stops at
                   once. While apps are still being loaded: exit at once, with code 0
  HUP              Read the configuration file again; while apps are still being loaded, as soon as they are
  USR1, USR2       Nothing: the log goes to standard error, so there is no log file to reopen. With sockets that systemd
                   holds, a restart refuses no connection
  PIPE, WINCH      Nothing";

/// `windhover serve`.
///
/// Absent flags leave the value of the configuration file, or the default.
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

    /// What flags and variables set over the configuration file.
    #[command(flatten)]
    pub settings: Settings<Self>,

    /// How often files are looked at; for `windhover dev`.
    #[arg(skip)]
    pub(crate) watch_interval: Option<Duration>,
}

/// `windhover config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the errors of a configuration file; the exit code is 0 if there are none, else 1
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

    /// Middleware: a component that handles requests before the app, as for `serve`; may be given more than once
    #[arg(long, value_name = "M.wasm")]
    pub middleware: Vec<PathBuf>,

    /// Check for a server of your own that offers only these features: their names, separated by commas, or `none`
    #[arg(long, value_name = "FEATURES")]
    pub offers: Option<Offers>,

    /// The memory that an instance may have.
    #[command(flatten)]
    pub settings: Settings<Self>,

    /// Print JSON, for programs
    #[arg(long)]
    pub json: bool,
}

/// The features of a server.
#[derive(Clone, Debug)]
pub struct Offers(pub Vec<Feature>);

impl FromStr for Offers {
    type Err = String;

    fn from_str(names: &str) -> Result<Self, String> {
        let feature = |name: &str| {
            Feature::from_name(name.trim()).ok_or_else(|| {
                let names = Feature::ALL.map(Feature::name).join(", ");
                format!("there is no feature {name:?}; there are {names}, and `none` of them")
            })
        };
        if names == "none" {
            Ok(Self(Vec::new()))
        } else {
            names.split(',').map(feature).collect::<Result<_, _>>().map(Self)
        }
    }
}

/// `windhover compile`.
#[derive(Debug, Parser)]
pub struct Compile {
    /// The app: a .wasm component, or its text (.wat)
    #[arg(value_name = "APP.wasm")]
    pub app: PathBuf,

    /// Middleware: a component that handles requests before the app, as for `serve`; may be given more than once
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

impl Takes for Serve {
    fn takes(_: &str) -> bool {
        true
    }
}

impl Takes for Check {
    fn takes(flag: &str) -> bool {
        flag == "max-memory"
    }
}
