//! The report for people: a short table in plain ASCII, which fits a terminal of 100 columns.

use windhover_sandbox::SandboxLimits;

use super::report::{Component, MayWant, Report, Server};
use crate::table::Table;
use windhover_server::config::units::Size;

/// The report of a component, without a line end.
pub(super) fn table(report: &Report) -> String {
    let title = match &report.app {
        Some(app) => format!("{}: {}", app.name, report.file),
        None => report.file.clone(),
    };
    format!("{title}\n{}", rows(report))
}

fn rows(report: &Report) -> Table<1> {
    let mut table = Table::new([9]);
    if let Some(app) = &report.app {
        table.row(["routes"], [app.routes.join(", ")]);
        let nothing = ["nothing".to_owned()];
        table.row(["granted"], if app.granted.is_empty() { &nothing[..] } else { &app.granted });
    }
    let Some(component) = &report.component else {
        let problem: Vec<String> =
            report.problem.iter().flat_map(|problem| problem.lines()).map(str::to_owned).collect();
        table.row(["problem"], problem);
        return table;
    };
    table.row(["component"], [about(component)]);
    table.row(["world"], [component.world.clone().unwrap_or_else(|| "none that is known".into())]);
    table.row(["language"], [made_with(component.language.as_deref(), &component.tools)]);
    for middleware in &report.middleware {
        let language = made_with(middleware.language.as_deref(), &middleware.tools);
        table.row(["behind"], [format!("{} ({language})", middleware.file)]);
    }
    if !component.features.is_empty() {
        table.row(["features"], [component.features.join(", ")]);
    }
    table.row(["imports"], imports(&component.imports));
    if !component.can_reuse {
        table.row(["reuse"], [NO_REUSE.to_owned()]);
    }
    if component.keeps_resources {
        let limit = SandboxLimits::default().max_resource_memory as u64;
        let content = (limit / RESOURCE * PIECE) >> 30;
        table.row(["limits"], [format!("{KEEPS_RESOURCES}: {} are enough for {content} GiB of it", Size(limit))]);
    }
    table.row(["may want"], may_want(&component.may_want));
    for warning in &report.warnings {
        table.row(["warning"], [warning]);
    }
    for Server { name, problem, .. } in &component.servers {
        match problem {
            None => table.row(["served by"], [(*name).to_owned()]),
            Some(problem) => {
                let lines: Vec<String> = problem.lines().map(str::to_owned).collect();
                table.gap();
                table.row(["not by"], [vec![format!("{name}:")], lines].concat());
            }
        }
    }
    table
}

fn about(component: &Component) -> String {
    let modules = component.core_modules;
    let format = if component.format == "text" { " of text" } else { "" };
    format!("{} bytes{format}, {modules} core module{}", grouped(component.size), if modules == 1 { "" } else { "s" })
}

/// `18,365,450`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn made_with(language: Option<&str>, tools: &[String]) -> String {
    match (language, tools.first()) {
        (Some(language), Some(tool)) => format!("{language}, by {tool}"),
        (Some(language), None) => language.to_owned(),
        (None, _) => "not recognised".to_owned(),
    }
}

/// A line for each package and version: `wasi:cli 0.2.0: environment, exit`.
fn imports(names: &[String]) -> Vec<String> {
    let mut packages: Vec<(String, Vec<&str>)> = Vec::new();
    for name in names {
        let (package, rest) = name.split_once('/').unwrap_or((name, ""));
        let (interface, version) = rest.split_once('@').unwrap_or((rest, ""));
        let package = format!("{package} {version}").trim_end().to_owned();
        match packages.iter_mut().find(|(known, _)| *known == package) {
            Some((_, interfaces)) => interfaces.push(interface),
            None => packages.push((package, vec![interface])),
        }
    }
    packages.sort();
    packages.iter_mut().for_each(|(_, interfaces)| interfaces.sort_unstable());
    let line = |(package, interfaces): (String, Vec<&str>)| match interfaces.as_slice() {
        [""] => package,
        _ => format!("{package}: {}", interfaces.join(", ")),
    };
    if packages.is_empty() { vec!["nothing".to_owned()] } else { packages.into_iter().map(line).collect() }
}

fn may_want(wants: &[MayWant]) -> Vec<String> {
    if wants.is_empty() {
        return vec!["nothing".to_owned()];
    }
    let (given, never): (Vec<_>, Vec<_>) = wants.iter().partition(|want| want.option.is_some());
    let mut lines: Vec<String> =
        given.iter().map(|want| format!("{}: {}", want.grant, want.option.unwrap_or_default())).collect();
    if !never.is_empty() {
        let grants: Vec<&str> = never.iter().map(|want| want.grant).collect();
        lines.push(grants.join(", "));
        lines.push("(this version grants none of them; most languages import more than an app uses)".to_owned());
    }
    lines
}

const NO_REUSE: &str = "none: this engine (StarlingMonkey with the fetch event) answers one request with each instance";

const KEEPS_RESOURCES: &str =
    "limits.max-resource-memory, because this engine (StarlingMonkey) keeps 128 bytes for each 8 KiB that it reads";
const RESOURCE: u64 = 128;
const PIECE: u64 = 8 << 10;
