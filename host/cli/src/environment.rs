//! Reads the command line and the environment: an empty variable counts as not set, and an unknown one is reported.

use std::collections::BTreeSet;
use std::env;

use clap::{Command, CommandFactory, FromArgMatches};

use crate::args::Args;

/// The arguments of this process. Exits with code 2 if they are invalid, and with 0 after `--help` and `--version`.
pub fn read() -> Args {
    let mut command = without_empty(Args::command());
    let matches = command.try_get_matches_from_mut(env::args_os());
    let read = matches.and_then(|mut matches| Args::from_arg_matches_mut(&mut matches));
    read.unwrap_or_else(|error| error.format(&mut command).exit())
}

/// Ignores empty variables.
fn without_empty(command: Command) -> Command {
    let is_empty = |name: &std::ffi::OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty)
}

/// A message about each unknown variable with Windhover's prefix, except for those that the configuration names (`own`).
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
        Some(near) => format!("the environment variable {name} is unknown; do you mean {near}?"),
        None => format!("the environment variable {name} is unknown (`windhover serve --help` lists the known ones)"),
    }
}

fn known(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(|arg| Some(arg.get_env()?.to_str()?.to_owned()));
    own.chain(command.get_subcommands().flat_map(known)).collect()
}

/// Kubernetes and Docker set these in containers for a service with the name `windhover`.
fn is_of_orchestrator(name: &str, value: &str) -> bool {
    let rest = &name[PREFIX.len()..];
    rest == "SERVICE_HOST"
        || rest.starts_with("SERVICE_PORT")
        || rest.starts_with("PORT") && (value.contains("://") || rest.contains("_TCP") || rest.contains("_UDP"))
}

const PREFIX: &str = "WINDHOVER_";
