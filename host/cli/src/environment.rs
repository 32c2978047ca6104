//! Reads the command line and the environment: an empty variable says nothing, and one that nothing reads is reported.

use std::collections::BTreeSet;
use std::env;

use clap::{Command, CommandFactory, FromArgMatches};

use crate::args::Args;

/// What the command line and the environment say. Ends the process where they are wrong, or ask for help: with code 2 or 0.
pub fn read() -> Args {
    let mut command = without_empty(Args::command());
    let matches = command.try_get_matches_from_mut(env::args_os());
    let read = matches.and_then(|mut matches| Args::from_arg_matches_mut(&mut matches));
    read.unwrap_or_else(|error| error.format(&mut command).exit())
}

/// An empty variable is as none at all.
fn without_empty(command: Command) -> Command {
    let is_empty = |name: &std::ffi::OsStr| env::var_os(name).is_some_and(|value| value.is_empty());
    command
        .mut_args(|arg| if arg.get_env().is_some_and(is_empty) { arg.env(None::<&str>) } else { arg })
        .mut_subcommands(without_empty)
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
