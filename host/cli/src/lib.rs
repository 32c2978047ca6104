//! The command: reads arguments, and has the tools for authors of apps. `windhover-server` serves.

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
mod front;
mod output;
mod serve;
mod settings;
mod table;

use std::process::ExitCode;

use args::{Args, Command};

pub use environment::read as read_args;

/// Runs the command line. A command that could not begin is an error; any other has an exit code.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Config(command) => config::config(&command),
        Command::Check(check) => check::check(&check),
        Command::Compile(compile) => compile::compile(&compile),
        Command::Front(front) => front::front(&front),
        Command::Doctor => doctor::doctor(),
        #[cfg(feature = "authoring")]
        Command::Authoring(command) => authoring::run(command),
    }
}
