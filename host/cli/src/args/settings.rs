//! Settings as arguments: which flags a command takes, and what was given, by a flag or by the environment variable of the
//! same meaning.

use std::ffi::OsStr;
use std::marker::PhantomData;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use toml::Value;

use crate::settings::{FLAGS, Flag, Repeats};

/// Those of one command.
#[derive(Debug)]
pub struct Settings<C> {
    given: Vec<Given>,
    command: PhantomData<C>,
}

/// A command that takes settings.
pub trait Takes {
    /// Whether it takes this flag.
    fn takes(flag: &str) -> bool;
}

/// A setting that was given.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) flag: &'static Flag,
    /// One, unless the flag may be given more than once.
    pub(crate) values: Vec<Value>,
    /// The flag or the variable, as it was typed.
    pub(crate) origin: String,
}

impl<C> Settings<C> {
    /// All that were given.
    pub(crate) fn given(&self) -> &[Given] {
        &self.given
    }

    /// One of them.
    pub(crate) fn get(&self, flag: &str) -> Option<&Given> {
        self.given.iter().find(|given| given.flag.name == flag)
    }

    /// For another command, which takes them too.
    pub(crate) fn same_for<D>(&self) -> Settings<D> {
        Settings { given: self.given.clone(), command: PhantomData }
    }
}

// Derived, this would ask the same of the command.
impl<C> Clone for Settings<C> {
    fn clone(&self) -> Self {
        self.same_for()
    }
}

impl<C> Default for Settings<C> {
    fn default() -> Self {
        Self { given: Vec::new(), command: PhantomData }
    }
}

impl<C: Takes> Args for Settings<C> {
    fn augment_args(command: Command) -> Command {
        command.args(FLAGS.iter().filter(|flag| C::takes(flag.name)).map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<C: Takes> FromArgMatches for Settings<C> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let flags = FLAGS.iter().filter(|flag| C::takes(flag.name));
        let given = flags.filter_map(|flag| given(flag, matches).transpose());
        Ok(Self { given: given.collect::<Result<_, _>>()?, command: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn given(flag: &'static Flag, matches: &ArgMatches) -> Result<Option<Given>, Error> {
    let (name, variable) = (flag.name, flag.variable());
    let origin = match matches.value_source(name) {
        Some(ValueSource::CommandLine) => format!("--{name}"),
        Some(ValueSource::EnvVariable) => variable.clone(),
        _ => return Ok(None),
    };
    let mut values = Vec::new();
    for typed in matches.get_many::<String>(name).into_iter().flatten() {
        values.push(flag.value(typed).map_err(|reason| {
            let problem = match origin == variable {
                true => format!("the environment variable {variable} cannot be {typed:?}: {reason}"),
                false => format!("invalid value '{typed}' for '--{name} <{}>': {reason}", flag.value_name()),
            };
            Error::raw(ErrorKind::InvalidValue, problem)
        })?);
    }
    Ok(Some(Given { flag, values, origin }))
}

fn arg(flag: &Flag) -> Arg {
    let meanings = flag.meanings();
    let arg = Arg::new(flag.name)
        .long(flag.name)
        .value_name(flag.value_name())
        .value_parser(Typed(meanings.iter().map(|(word, meaning)| PossibleValue::new(*word).help(*meaning)).collect()))
        .help(flag.short_help())
        .long_help(flag.long_help());
    let arg = match flag.repeats {
        Repeats::Never => arg.env(flag.variable()),
        // A list of paths has no separator that no path has, so there is no variable.
        Repeats::Given => arg.action(ArgAction::Append),
        Repeats::Commas => arg.env(flag.variable()).action(ArgAction::Append).value_delimiter(','),
    };
    let needs_certificate = flag.key.starts_with("endpoints.NAME.tls.") && flag.name != CERTIFICATE;
    let arg = if needs_certificate { arg.requires(CERTIFICATE) } else { arg };
    match flag.is_switch() {
        true => arg.num_args(0..=1).require_equals(true).default_missing_value("true"),
        false => arg,
    }
}

/// Takes what was typed as it is: it is checked when it is known whether a flag or a variable says so.
#[derive(Clone)]
struct Typed(Vec<PossibleValue>);

impl TypedValueParser for Typed {
    type Value = String;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, typed: &OsStr) -> Result<String, Error> {
        typed.to_str().map(str::to_owned).ok_or_else(|| {
            let mut error = Error::new(ErrorKind::InvalidUtf8).with_cmd(command);
            if let Some(arg) = arg {
                error.insert(ContextKind::InvalidArg, ContextValue::String(arg.to_string()));
            }
            error
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        (!self.0.is_empty()).then(|| Box::new(self.0.iter().cloned()) as _)
    }
}

const CERTIFICATE: &str = "tls-cert";
