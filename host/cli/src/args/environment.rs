//! What environment variables say in place of flags: an empty one says nothing, one that is wrong is told by its own name,
//! and one that nobody reads is told too.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, FromArgMatches};

use super::Args;

impl Args {
    /// What the command line and the environment say. Ends the process where they are wrong, or ask for help: with code 2
    /// or 0.
    pub fn read() -> Self {
        let typed: Vec<OsString> = env::args_os().collect();
        let mut command = without_empty(Self::command());
        let read = command.try_get_matches_from_mut(&typed).and_then(|mut matches| {
            Self::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
        });
        read.unwrap_or_else(|error| match wrong_variable(&error, &command, &typed) {
            Some(told) => command.error(ErrorKind::InvalidValue, told).exit(),
            None => error.exit(),
        })
    }
}

/// An empty variable is as none at all.
fn without_empty(command: Command) -> Command {
    let is_empty = |name: &std::ffi::OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty)
}

/// Says which variable is wrong, if one is and not what was typed.
fn wrong_variable(error: &clap::Error, command: &Command, typed: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(arg)) = error.get(ContextKind::InvalidArg) else { return None };
    let flag = arg.split([' ', '=', '[']).next()?;
    let is_typed = typed.iter().any(|typed| typed.to_string_lossy().split('=').next() == Some(flag));
    let within = command.find_subcommand(typed.get(1)?)?;
    let arg = within.get_arguments().find(|arg| arg.get_long() == flag.strip_prefix("--"))?;
    let variable = arg.get_env().filter(|_| !is_typed)?;
    let value = env::var_os(variable)?;
    let reason = match (error.get(ContextKind::ValidValue), std::error::Error::source(error)) {
        (Some(ContextValue::Strings(takes)), _) if !takes.is_empty() => format!("it takes {}", takes.join(", ")),
        (_, Some(reason)) => reason.to_string(),
        _ => "it is not what it takes".to_owned(),
    };
    let (variable, value) = (variable.to_string_lossy(), value.to_string_lossy());
    Some(format!("the environment variable {variable} cannot be {value:?}: {reason}"))
}

/// A word on each variable that begins as ours do and that nobody reads, but for `own`, which a configuration names.
pub(crate) fn unknown_variables(own: &BTreeSet<&str>) -> Vec<String> {
    let set = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let known = known(&Args::command());
    let is_ours = |(name, value): &(String, String)| {
        name.starts_with(PREFIX)
            && !value.is_empty()
            && !known.contains(name)
            && !own.contains(name.as_str())
            && !is_of_orchestrator(name, value)
    };
    set.filter(is_ours).map(|(name, _)| told(&name, &known)).collect()
}

fn told(name: &str, known: &BTreeSet<String>) -> String {
    let distance = |other: &&String| strsim::damerau_levenshtein(name, other);
    let is_near = |other: &&String| distance(other) <= 1 + (name.len() - PREFIX.len()) / 3;
    match known.iter().filter(is_near).min_by_key(distance) {
        Some(near) => format!("the environment variable {name} means nothing; do you mean {near}?"),
        None => format!("the environment variable {name} means nothing (`windhover serve --help` lists those that do)"),
    }
}

fn known(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned()));
    own.chain(command.get_subcommands().flat_map(known)).collect()
}

/// Kubernetes and Docker tell containers of a service `windhover` so.
fn is_of_orchestrator(name: &str, value: &str) -> bool {
    let rest = &name[PREFIX.len()..];
    rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT") && (value.contains("://") || rest.contains("_TCP") || rest.contains("_UDP"))
}

const PREFIX: &str = "WINDHOVER_";
