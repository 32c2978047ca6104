//! `windhover build`: builds the components of apps with the commands of their configuration.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use windhover_contract::Server;
use windhover_http::HttpServer;
use windhover_sandbox::{Guest, inspect};

use crate::args::authoring;
use crate::authoring::languages;
use windhover_server::config::Config;
use windhover_server::config::file;
use windhover_server::engine;
use windhover_server::parts::Parts;
use windhover_server::say;

/// Builds all apps that have `build.commands`, or one.
pub(crate) fn build(args: &authoring::Build) -> anyhow::Result<ExitCode> {
    let config = Config::read(&args.config)?;
    let recipes = Recipe::all(&config);
    Recipe::require_any(&recipes, &args.config)?;
    let recipes = match &args.app {
        None => recipes,
        Some(name) => match recipes.into_iter().find(|recipe| recipe.name == *name) {
            Some(recipe) => vec![recipe],
            None => bail!("{} has no [apps.{name}.build] with commands", args.config.display()),
        },
    };
    let engine = engine(&config.written)?;
    for recipe in recipes {
        let began = Instant::now();
        for step in &recipe.build.commands {
            say(&format!("$ {step}"));
            let ended = recipe.shell(step).and_then(|mut shell| shell.stdin(Stdio::null()).status());
            recipe.require(step, ended)?;
        }
        let outcome = recipe.outcome()?;
        let (took, app) = (began.elapsed(), &config.written.apps[&recipe.name]);
        let parts = Parts::read(Some(&app.component), &app.middleware)?;
        let whole = parts.compose()?;
        Guest::check(
            &engine,
            &whole.bytes,
            &whole.name,
            &app.to_sandbox(config.written.server.max_instances),
            HttpServer::offers,
        )?;
        say(&format!("{outcome} in {:.1} s", took.as_secs_f32()));
    }
    Ok(ExitCode::SUCCESS)
}

/// How an app is built.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) build: file::Build,
    component: PathBuf,
    /// The folder in which the commands run.
    pub(crate) folder: PathBuf,
}

impl Recipe {
    /// Those of all apps that have `build.commands`.
    pub(crate) fn all(config: &Config) -> Vec<Self> {
        let folder = config.source().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let apps = config.written.apps.iter();
        let recipe = |(name, app): (&String, &file::App)| {
            let component = app.component.clone();
            Some(Self { name: name.clone(), build: app.build.clone()?, component, folder: folder.to_owned() })
        };
        apps.filter_map(recipe).collect()
    }

    /// Fails if there is nothing to build.
    pub(crate) fn require_any(recipes: &[Self], file: &Path) -> anyhow::Result<()> {
        if recipes.is_empty() {
            bail!(
                "{} does not say how an app is built.\nWrite [apps.NAME.build] with commands = [\"...\"] in it, or create \
                 an app with `windhover new`.",
                file.display()
            );
        }
        Ok(())
    }

    /// A shell that runs a step.
    pub(crate) fn shell(&self, step: &str) -> std::io::Result<Command> {
        let (shell, flag) = if cfg!(windows) { ("cmd", "/C") } else { ("sh", "-c") };
        let mut command = Command::new(shell);
        command.arg(flag).arg(step).current_dir(&self.folder).env("PATH", with_own_folder()?);
        Ok(command)
    }

    /// Fails if a step has failed.
    pub(crate) fn require(&self, step: &str, ended: std::io::Result<ExitStatus>) -> anyhow::Result<()> {
        let status = ended.with_context(|| format!("cannot run the shell in {}", self.folder.display()))?;
        let ended = match status.code() {
            Some(0) => return Ok(()),
            Some(127) => {
                "a command of this step is not installed (`windhover doctor` lists the tools of each language)"
                    .to_owned()
            }
            Some(code) => format!("this step exited with code {code}"),
            None => format!("this step was killed ({status})"),
        };
        let mut told = format!("{} is not built: {ended}:\n{step}", self.name);
        for lack in languages::lacks_of_command(step) {
            told = format!("{told}\n{lack}");
        }
        bail!(told)
    }

    /// A line about the component, if it can be served.
    pub(crate) fn outcome(&self) -> anyhow::Result<String> {
        let file = &self.component;
        let bytes = std::fs::read(file)
            .with_context(|| format!("the commands of {} ended well, and there is no {}", self.name, file.display()))?;
        let inspected = inspect(&bytes, file)?;
        let world = inspected.world_name().unwrap_or_default();
        match inspected.refusal {
            Some(refusal) => bail!("{refusal}"),
            None => Ok(format!("Built {}: {world}, {:.1} kB", file.display(), bytes.len() as f64 / 1e3)),
        }
    }
}

/// The `PATH` with this program's folder first, so that `windhover` in a step is this program.
fn with_own_folder() -> std::io::Result<std::ffi::OsString> {
    let own = std::env::current_exe()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = own.parent().map(Path::to_owned).into_iter().chain(std::env::split_paths(&path));
    std::env::join_paths(folders).map_err(std::io::Error::other)
}
