//! `windhover test`: asks an app what a file says, and compares its answers with those in the file. No socket is opened:
//! the requests come through a pipe, and otherwise by all that stands between a client and an app.

mod ask;
mod compare;
mod file;
mod report;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;

use crate::args;
use crate::config::Config;
use crate::deployments::Deployments;
use crate::log;
use crate::output;
use crate::pipeline::Pipeline;
use crate::serve::say;
use crate::telemetry::Telemetry;
use crate::workshop::Workshop;
use ask::Asker;
use file::File;
use report::{Outcome, Report};

/// Asks all, and tells what differs. The exit code is 0 if nothing does, else 1.
pub(crate) fn test(args: &args::Test) -> anyhow::Result<ExitCode> {
    let files = args.files.iter().map(|file| File::read(file)).collect::<Result<Vec<_>, _>>()?;
    let config = Config::read(&args.config)?;
    let _log = log::init(&config.written.log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no event queue")?;
    let _entered = runtime.enter();
    let workshop = Workshop::open(&config.written)?;
    let deployments = Deployments::load(&workshop, &config)?;
    let telemetry = Telemetry::new(&config.written.log, None, None);
    let pipeline = Arc::new(Pipeline::new(deployments.router(&config), telemetry, None));
    let asker = Asker::new(pipeline, config.written.limits.to_http(config.written.server.drain_timeout));

    let mut report = Report::default();
    for file in files {
        for test in &file.tests {
            let began = Instant::now();
            let differences = match runtime.block_on(asker.ask(&test.request)) {
                Ok(answer) => compare::differences(&test.response, &answer),
                Err(failure) => vec![format!("{failure:#}")],
            };
            let outcome = Outcome { name: test.name.clone(), took: began.elapsed(), differences };
            say(&outcome.to_string());
            report.add(&file.name, outcome);
        }
    }
    if let Some(junit) = &args.junit {
        output::write(junit, report.junit()?.as_bytes())?;
    }
    say(&report.to_string());
    runtime.shutdown_background();
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
