//! `windhover test`: sends the requests of a file to an app, and compares the responses with those in the file.

mod ask;
mod compare;
mod file;
mod report;

use std::process::ExitCode;
use std::time::Instant;

use crate::args::authoring;
use crate::output;
use file::File;
use report::{Outcome, Report};
use windhover_server::config::Config;
use windhover_server::log;
use windhover_server::say;
use windhover_server::testing::App;

/// Runs all tests, and prints the differences. The exit code is 0 if there are none, else 1.
pub(crate) fn test(args: &authoring::Test) -> anyhow::Result<ExitCode> {
    let files = args.files.iter().map(|file| File::read(file)).collect::<Result<Vec<_>, _>>()?;
    let config = Config::read(&args.config)?;
    let _log = log::init(&config.written.log);
    let app = App::of(&config)?;

    let mut report = Report::default();
    for file in files {
        for test in &file.tests {
            let began = Instant::now();
            let differences = match ask::request(&test.request).and_then(|request| app.call(request)) {
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
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
