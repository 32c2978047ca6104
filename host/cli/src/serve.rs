//! `windhover serve`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use crate::args::Serve;
use crate::config::Config;
use crate::config::flags::{configuration, tell_unknown_variables};
use crate::config::show::shown;
use crate::dev::Dev;
use crate::log;
use crate::supervisor;

/// Serves until asked to leave. The exit code is 0 if every request was answered to its end, else 1.
pub(crate) fn serve(args: &Serve) -> anyhow::Result<ExitCode> {
    let config = configuration(args)?;
    if args.show_config {
        say(shown(&config).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let _log = log::init(&config.written.log);
    tell_unknown_variables(&config);
    run(args.clone(), config, None)
}

/// Serves a configuration until asked to leave. `dev`: builds what is served.
pub(crate) fn run(args: Serve, config: Config, dev: Option<Arc<Dev>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event queue")?;
    let _entered = runtime.enter();
    let served = runtime.block_on(supervisor::serve(args, config, dev));
    runtime.shutdown_background(); // an app that is being compiled does not hold the exit
    served
}

/// Prints a line. That nobody reads it (a closed pipe, a full disk) is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
