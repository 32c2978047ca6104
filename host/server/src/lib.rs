//! The composition root: puts a server, the sandbox and apps together, as a configuration says. It prints what it serves
//! and where, logs, and handles signals; arguments are read by the program that calls it.
//!
//! ```no_run
//! use windhover_server::config::Config;
//!
//! # fn main() -> anyhow::Result<()> {
//! let config = Config::read("windhover.toml".as_ref())?;
//! let _log = windhover_server::log::init(&config.written.log);
//! windhover_server::serve(config, Box::new(|file| Ok(Config::read(file)?)), None)?;
//! # Ok(())
//! # }
//! ```

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod admin;
mod app;
pub mod config;
mod deployments;
mod endpoints;
pub mod files;
mod forwarded;
mod guarded;
mod inherited;
pub mod interceptor;
mod loader;
pub mod log;
mod output;
pub mod parts;
mod pipeline;
mod progress;
pub mod route;
mod router;
mod secret;
#[cfg(unix)]
mod service_manager;
#[cfg(not(unix))]
#[path = "service_manager/absent.rs"]
mod service_manager;
mod signals;
mod supervisor;
mod telemetry;
pub mod testing;
mod users;
mod watch;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

pub use crate::guarded::guarded;
pub use crate::loader::{cache_folder, engine};
pub use crate::output::say;
use config::Config;
use interceptor::Interceptor;

/// How the configuration is read again, from its file. An error leaves the one in place that there is.
pub type Reread = Box<dyn Fn(&Path) -> anyhow::Result<Config> + Send>;

/// Serves a configuration until a signal ends it. `interceptor` stands before the apps; if there is one, apps whose components
/// are not built yet are no error.
///
/// The exit code is 0 if every request was answered to its end, else 1. An error: the server could not start.
pub fn serve(config: Config, reread: Reread, interceptor: Option<Arc<dyn Interceptor>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event queue")?;
    let _entered = runtime.enter();
    let served = runtime.block_on(supervisor::serve(config, reread, interceptor));
    runtime.shutdown_background(); // an app that is being compiled does not hold the exit
    served
}
