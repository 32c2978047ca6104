//! `windhover check`: tells what a file is, what it needs, and who can serve it. Asks the code that `serve` asks, and
//! ends with 0 if this host would serve it, else with 1.

mod report;
mod table;

use std::path::Path;
use std::process::ExitCode;

use windhover_contract::Feature;
use windhover_http::HttpServer;
use windhover_sandbox::{ComposeError, Inspection, LoadError, inspect};

use crate::args::Check;
use crate::parts::{File, Parts};
use crate::serve::say;
use report::{Component, Middleware, Report, Server};

/// Looks and tells. What keeps the app from being served is told too, and is no error of the command.
pub(crate) fn check(args: &Check) -> anyhow::Result<ExitCode> {
    let report = report(args);
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else if report.component.is_some() {
        say(&table::table(&report));
    } else if let Some(problem) = report.problem {
        anyhow::bail!(problem); // there is nothing to tell but this, and `serve` tells it the same way
    }
    Ok(if report.can_serve { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(args: &Check) -> Report {
    let mut report = Report::new(&args.app);
    if let Err(problem) = fill(&mut report, args) {
        report.problem = Some(problem.to_string());
    }
    report.can_serve = report.component.as_ref().is_some_and(|it| it.servers.iter().any(|server| server.can_serve));
    report
}

/// An error is what made the rest impossible to tell.
fn fill(report: &mut Report, args: &Check) -> Result<(), ComposeError> {
    let app = File::read(&args.app)?;
    let inspected = inspect(&app.bytes, &app.name).inspect_err(|problem| report.kind = kind(problem))?;
    report.kind = "component";
    let parts = Parts::before(app, &args.middleware)?;
    for file in &parts.middleware {
        let made_with = inspect(&file.bytes, &file.name)?.made_with;
        report.middleware.push(Middleware::new(&file.name, made_with));
    }
    let whole = parts.compose()?;
    report.warnings = whole.warnings.iter().map(ToString::to_string).collect();
    let composed = inspect(&whole.bytes, &whole.name)?;
    let servers = SERVERS.iter().map(|(name, offers)| server(name, *offers, &composed, &whole.name)).collect();
    report.component = Some(Component::new(parts.app.bytes.len(), inspected, composed, servers));
    Ok(())
}

fn server(name: &'static str, offers: Offers, app: &Inspection, file: &Path) -> Server {
    let lacks = |feature: &Feature| LoadError::FeatureAbsent { file: file.into(), feature: feature.name() }.to_string();
    let absent = app.features.iter().find(|feature| !offers(**feature));
    let problem = app.refusal.as_ref().map(ToString::to_string).or_else(|| absent.map(lacks));
    Server { name, can_serve: problem.is_none(), problem }
}

/// What a file is that is no component.
fn kind(problem: &LoadError) -> &'static str {
    match problem {
        LoadError::NotWasm { .. } => "not-webassembly",
        LoadError::CoreModule { .. } => "core-module",
        LoadError::Precompiled { .. } => "precompiled",
        LoadError::Unreadable { .. } => "unreadable",
        _ => "invalid",
    }
}

/// The servers that there are, and what each can offer.
const SERVERS: [(&str, Offers); 1] = [("Windhover HTTP server", HttpServer::can_offer)];

type Offers = fn(Feature) -> bool;
