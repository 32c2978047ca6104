//! `windhover check`: reports what a file is, what it needs, and which servers can serve it. It runs the checks of `serve`.
//! The exit code is 0 if this host would serve it, else 1.

mod granted;
mod report;
mod table;

use std::process::ExitCode;

use anyhow::Context;
use windhover_contract::{Feature, Server as _};
use windhover_http::HttpServer;
use windhover_sandbox::{ComposeError, Engine, Guest, LoadError, Source, inspect};

use crate::args::{Check, Offers};
use report::{Component, Deployed, Middleware, Report, Server};
use windhover_server::config::Config;
use windhover_server::config::file::{self, App, File};
use windhover_server::engine;
use windhover_server::parts::{Parts, Whole};
use windhover_server::say;

/// Prints a report. A reason why the app cannot be served is part of the report, not an error of the command.
pub(crate) fn check(args: &Check) -> anyhow::Result<ExitCode> {
    if let Some(file) = &args.config {
        return check_apps(&Config::read(file)?, args);
    }
    let app = args.app.as_deref().context("there is no app to check")?;
    let mut written = App::new(app.to_owned());
    written.middleware.clone_from(&args.middleware);
    if let Some(given) = args.settings.get("max-memory") {
        written.limits.max_memory = given.values[0].clone().try_into()?;
    }
    let file = File { apps: [(APP.to_owned(), written.clone())].into(), ..File::default() };
    let report = report(&engine(&file)?, &written, None, args.offers.as_ref());
    if args.json {
        say(&serde_json::to_string_pretty(&report)?);
    } else if report.component.is_some() {
        say(&table::table(&report));
    } else if let Some(problem) = report.problem {
        anyhow::bail!(problem); // there is nothing to tell but this, and `serve` tells it the same way
    }
    Ok(if report.can_serve { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reports for each app of a configuration what it asks for and what it is granted.
fn check_apps(config: &Config, args: &Check) -> anyhow::Result<ExitCode> {
    let engine = engine(&config.written)?;
    let mut reports = Vec::new();
    for (name, app) in &config.written.apps {
        let routes = config.routes.iter().filter(|(own, _)| own == name).flat_map(|(_, routes)| routes);
        let deployed = Deployed {
            name: name.clone(),
            routes: routes.map(ToString::to_string).collect(),
            granted: granted::granted(&app.grants),
        };
        reports.push(report(&engine, app, Some(deployed), args.offers.as_ref()));
    }
    if args.json {
        say(&serde_json::to_string_pretty(&reports)?);
    } else {
        for report in &reports {
            say(&table::table(report));
        }
    }
    Ok(if reports.iter().all(|report| report.can_serve) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(engine: &Engine, app: &App, deployed: Option<Deployed>, offers: Option<&Offers>) -> Report {
    let mut report = Report::new(&app.component);
    report.app = deployed;
    if let Err(problem) = fill(&mut report, engine, app, offers) {
        report.problem = Some(problem.to_string());
    }
    report.can_serve = report.component.as_ref().is_some_and(|it| it.servers.iter().any(|server| server.can_serve));
    report
}

/// An error: why the rest of the report is unknown.
fn fill(report: &mut Report, engine: &Engine, written: &App, offers: Option<&Offers>) -> Result<(), ComposeError> {
    let app = Source::read(&written.component)?;
    let inspected = inspect(app.component(), app.file()).inspect_err(|problem| report.kind = kind(problem))?;
    report.kind = "component";
    let parts = Parts::before(app, &written.middleware)?;
    for file in &parts.middleware {
        let made_with = inspect(file.component(), file.file())?.made_with;
        report.middleware.push(Middleware::new(file.file(), made_with));
    }
    let whole = parts.compose()?;
    report.warnings = whole.warnings.iter().map(ToString::to_string).collect();
    let composed = inspect(&whole.bytes, &whole.name)?;
    let server = match offers {
        None => server("Windhover HTTP server", HttpServer::offers, engine, written, &whole),
        Some(Offers(own)) => {
            server("a server that offers these features", |it| own.contains(&it), engine, written, &whole)
        }
    };
    let servers = vec![server];
    report.component = Some(Component::new(parts.app.component().len(), inspected, composed, servers));
    Ok(())
}

fn server(
    name: &'static str,
    offers: impl Fn(Feature) -> bool,
    engine: &Engine,
    app: &App,
    whole: &Whole<'_>,
) -> Server {
    // The number of instances does not matter here.
    let limits = app.to_sandbox(file::Server::default().max_instances);
    let judged = Guest::check(engine, &whole.bytes, &whole.name, &limits, offers);
    let problem = judged.err().map(|problem| problem.to_string());
    Server { name, can_serve: problem.is_none(), problem }
}

/// The kind of a file that is not a component.
fn kind(problem: &LoadError) -> &'static str {
    match problem {
        LoadError::NotWasm { .. } => "not-webassembly",
        LoadError::CoreModule { .. } => "core-module",
        LoadError::Precompiled { .. } | LoadError::Damaged { .. } => "precompiled",
        LoadError::Unreadable { .. } => "unreadable",
        _ => "invalid",
    }
}

/// The name of the app of a command line, where its name is not shown.
const APP: &str = "app";
