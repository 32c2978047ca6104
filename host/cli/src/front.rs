//! `windhover front`: prints a configuration for a reverse proxy that fits `windhover.toml`, and the lines that
//! `windhover.toml` needs to trust it. `just fronts` runs each proxy with what this prints.

mod apache;
mod caddy;
mod haproxy;
mod nginx;
mod plan;

use std::process::ExitCode;

use anyhow::Context;
use windhover_server::config::{Config, Document, FILE_NAME};
use windhover_server::say;

use crate::args::front::{Front, Proxy};
use plan::Plan;

/// Prints the configuration. An error: the proxy cannot do what the options and the file ask for.
pub(crate) fn front(args: &Front) -> anyhow::Result<ExitCode> {
    let is_default = args.file.as_os_str() == FILE_NAME && !args.file.exists();
    let config = if is_default { Config::of(Document::default())? } else { Config::read(&args.file)? };
    let plan = Plan::new(args, &config)?;
    let written = match args.proxy {
        Proxy::Nginx => nginx::configuration(&plan),
        Proxy::Apache => apache::configuration(&plan),
        Proxy::Haproxy => haproxy::configuration(&plan),
        Proxy::Caddy => caddy::configuration(&plan),
    };
    let written = written.with_context(|| format!("endpoint {}", plan.name))?;
    say(written.trim_end());
    Ok(ExitCode::SUCCESS)
}
