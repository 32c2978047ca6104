//! The composition root: puts a server, the sandbox and a guest together, and is the only room that reads arguments,
//! prints, and knows of signals.

// Times that two threads read may be out of order, and less than no time panics.
#![cfg_attr(not(test), warn(clippy::unchecked_time_subtraction))]

mod accounts;
mod admin;
mod app;
pub mod args;
mod bindings;
mod build;
mod check;
mod compile;
mod component;
pub mod config;
mod deployments;
mod dev;
mod dev_cert;
mod doctor;
mod endpoints;
mod guarded;
mod inherited;
mod languages;
mod log;
mod new;
#[cfg(unix)]
mod notice;
#[cfg(not(unix))]
#[path = "notice/absent.rs"]
mod notice;
mod output;
mod parts;
mod pipeline;
mod profile;
mod progress;
pub mod route;
mod router;
mod secret;
mod serve;
mod signals;
mod supervisor;
mod telemetry;
mod templates;
mod test;
pub mod testing;
mod watch;
mod wit;
mod workshop;

use std::process::ExitCode;

use args::{Args, Command};

/// Runs the command line. The exit code is that of a command that did what it could; an error is one that could not
/// begin.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => serve::serve(&serve),
        Command::Config(command) => config::show::config(&command),
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
