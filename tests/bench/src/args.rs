//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Rounds; each measures every server once
    #[arg(global = true, long, default_value = "5")]
    pub(crate) rounds: usize,
    /// Seconds of load for one server in one round
    #[arg(global = true, long, default_value = "3")]
    pub(crate) seconds: u64,
    /// Only servers whose name has this in it, beside the native one, and nothing but requests; may be given more than once
    #[arg(global = true, long, value_name = "NAME")]
    pub(crate) only: Vec<String>,
    /// Write the figures into docs/performance.md, and the chart that it shows
    #[arg(global = true, long)]
    pub(crate) write: bool,
    /// The windhover binary; if none is named, the one beside this program
    #[arg(global = true, long, default_value_os_t = beside_this(), hide_default_value = true)]
    pub(crate) windhover: PathBuf,
    /// Where the built guests are
    #[arg(global = true, long, default_value = "target/guests/wasm32-wasip2/release")]
    pub(crate) guests: PathBuf,
}

fn beside_this() -> PathBuf {
    std::env::current_exe().unwrap_or_default().with_file_name("windhover")
}

impl Args {
    /// Whether it is among those that are asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// The bare native server that the others are compared with
    Native,
    /// Windhover's HTTP server with an application that is no guest: what the edge alone costs
    Edge,
    /// Only small messages over WebSockets
    Websocket,
    /// Only twice as many requests as can be answered, and what an app's clients notice of an attack on another
    Stress,
    /// Only the templates of each language, as `just languages` has built them
    Languages,
}
