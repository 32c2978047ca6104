//! What `windhover check --json` prints. Fields are added over time and not taken away or changed: a reader ignores
//! what it does not know.

use std::path::Path;

use serde::Serialize;
use windhover_sandbox::{Inspection, MadeWith};

/// The report about a file.
#[derive(Serialize)]
pub(super) struct Report {
    /// The file of the app, as it was named.
    pub(super) file: String,
    /// What it is: `component`, `core-module`, `precompiled`, `not-webassembly`, `invalid` or `unreadable`.
    pub(super) kind: &'static str,
    /// Whether `windhover serve` would accept it. The exit code is 0 if so, else 1.
    pub(super) can_serve: bool,
    /// Why the report ends here; else null. Why a server cannot serve it is with that server.
    pub(super) problem: Option<String>,
    /// The middleware, the outermost first.
    pub(super) middleware: Vec<Middleware>,
    /// What looks like a mistake, but does not prevent serving.
    pub(super) warnings: Vec<String>,
    /// What was found; null if there is a problem.
    pub(super) component: Option<Component>,
    /// The app in a configuration; null: no configuration was given.
    pub(super) app: Option<Deployed>,
}

#[derive(Serialize)]
pub(super) struct Deployed {
    /// The app's name in the configuration.
    pub(super) name: String,
    /// Its routes.
    pub(super) routes: Vec<String>,
    /// What it is granted, in words.
    pub(super) granted: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Middleware {
    pub(super) file: String,
    pub(super) language: Option<String>,
    pub(super) tools: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Component {
    /// Size of the app's file, in bytes.
    pub(super) size: usize,
    /// `binary` or `text`.
    pub(super) format: &'static str,
    /// Core modules inside the app.
    pub(super) core_modules: usize,
    /// The language it was written in; null: unknown.
    pub(super) language: Option<String>,
    /// The tools that made it, with versions, that of the language first.
    pub(super) tools: Vec<String>,
    /// The world it was written for; null: unknown.
    pub(super) world: Option<String>,
    /// Whether `reuse` in the configuration has an effect: no instance of some engines answers more than one request.
    pub(super) can_reuse: bool,
    /// Whether the app keeps something in the host for each piece of content that it reads
    /// (`limits.max-resource-memory`).
    pub(super) keeps_resources: bool,
    /// The features that a server must offer, by the names of their interfaces in `windhover:http`.
    pub(super) features: Vec<&'static str>,
    /// The imports that the host answers, those of middleware included.
    pub(super) imports: Vec<String>,
    /// What the app exports.
    pub(super) exports: Vec<String>,
    /// What it may want to be granted, judged by these imports.
    pub(super) may_want: Vec<MayWant>,
    /// The servers there are.
    pub(super) servers: Vec<Server>,
}

#[derive(Serialize)]
pub(super) struct MayWant {
    /// The grant, in words.
    pub(super) grant: &'static str,
    /// The option of `windhover serve` that gives it; null: this version does not grant it.
    pub(super) option: Option<&'static str>,
    /// The imports that indicate it.
    pub(super) imports: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Server {
    pub(super) name: &'static str,
    pub(super) can_serve: bool,
    /// Why not, and what to do; null if it can.
    pub(super) problem: Option<String>,
}

impl Report {
    /// The report of a file before it is examined.
    pub(super) fn new(file: &Path) -> Self {
        Self {
            file: file.display().to_string(),
            kind: "unreadable",
            can_serve: false,
            problem: None,
            middleware: Vec::new(),
            warnings: Vec::new(),
            component: None,
            app: None,
        }
    }
}

impl Middleware {
    pub(super) fn new(file: &Path, made_with: MadeWith) -> Self {
        Self { file: file.display().to_string(), language: made_with.language, tools: made_with.tools }
    }
}

impl Component {
    /// What the app is by itself, and what it needs together with its middleware.
    pub(super) fn new(size: usize, app: Inspection, composed: Inspection, servers: Vec<Server>) -> Self {
        let may_want = composed.wants.into_iter().map(|want| MayWant {
            grant: want.grant.name(),
            option: want.grant.option(),
            imports: want.imports,
        });
        Self {
            size,
            format: if app.is_text { "text" } else { "binary" },
            core_modules: app.core_modules,
            world: app.world_name(),
            language: app.made_with.language,
            tools: app.made_with.tools,
            can_reuse: composed.can_reuse,
            keeps_resources: composed.keeps_resources,
            features: composed.features.iter().map(|feature| feature.name()).collect(),
            imports: composed.imports,
            exports: app.exports,
            may_want: may_want.collect(),
            servers,
        }
    }
}
