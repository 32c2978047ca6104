//! The command: reads arguments, and does what authors of apps need. Serving is `windhover-server`'s.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

pub mod args;
#[cfg(feature = "authoring")]
mod authoring;
mod check;
mod compile;
mod config;
mod doctor;
mod environment;
mod flags;
mod output;
mod serve;
mod settings;
mod table;

use std::process::ExitCode;

use args::{Args, Command};

pub use environment::read as read_args;

/// Runs the command line. The exit code is that of a command that did what it could; an error is one that could not
/// begin.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Config(command) => config::config(&command),
        Command::Check(check) => check::check(&check),
        Command::Compile(compile) => compile::compile(&compile),
        Command::Doctor => doctor::doctor(),
        #[cfg(feature = "authoring")]
        Command::Authoring(command) => authoring::run(command),
    }
}
