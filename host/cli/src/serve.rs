//! `windhover serve`.

use std::process::ExitCode;
use std::sync::Arc;

use windhover_server::config::Config;
use windhover_server::interceptor::Interceptor;
use windhover_server::{log, say};

use crate::args::Serve;
use crate::config::shown;
use crate::flags::{configuration, configuration_in, warn_of_unknown_variables};

/// Serves until it is asked to shut down. The exit code is 0 if every request was answered completely, else 1.
pub(crate) fn serve(args: &Serve) -> anyhow::Result<ExitCode> {
    let config = configuration(args)?;
    if args.show_config {
        say(shown(&config).trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let _log = log::init(&config.written.log);
    warn_of_unknown_variables(&config);
    run(args.clone(), config, None)
}

/// Serves a configuration of a command line until it is asked to shut down.
pub(crate) fn run(args: Serve, config: Config, interceptor: Option<Arc<dyn Interceptor>>) -> anyhow::Result<ExitCode> {
    windhover_server::serve(config, Box::new(move |file| configuration_in(Some(file), &args)), interceptor)
}
