//! The command: reads arguments, and does what authors of apps need. Serving is `windhover-server`'s.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

pub mod args;
mod bindings;
mod build;
mod check;
mod compile;
mod component;
mod config;
mod dev;
mod dev_cert;
mod doctor;
mod flags;
mod languages;
mod new;
mod output;
mod profile;
mod serve;
mod templates;
mod test;
mod wit;

use std::process::ExitCode;

use args::{Args, Command};

/// Runs the command line. The exit code is that of a command that did what it could; an error is one that could not
/// begin.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Config(command) => config::config(&command),
        Command::Check(check) => check::check(&check),
        Command::Compile(compile) => compile::compile(&compile),
        Command::Component(component) => component::component(&component),
        Command::New(new) => new::new(&new),
        Command::Build(build) => build::build(&build),
        Command::Dev(dev) => dev::dev(&dev),
        Command::Test(test) => test::test(&test),
        Command::Profile(profile) => profile::profile(&profile),
        Command::Bindings(bindings) => bindings::bindings(&bindings),
        Command::Doctor => doctor::doctor(),
        Command::DevCert(dev_cert) => dev_cert::dev_cert(&dev_cert),
    }
}
