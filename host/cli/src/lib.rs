//! The composition root: puts a server, the sandbox and a guest together, and is the only room that reads arguments,
//! prints, and knows of signals.

pub mod args;
mod check;
mod dev_cert;
mod parts;
mod serve;
mod signals;
mod telemetry;

use std::process::ExitCode;

use args::{Args, Command};

/// Runs the command line. The exit code is that of a command that did what it could; an error is one that could not
/// begin.
pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Serve(serve) => {
            let _log = telemetry::init(serve.log);
            serve::serve(&serve)
        }
        Command::Check(check) => check::check(&check),
        Command::DevCert(dev_cert) => dev_cert::dev_cert(&dev_cert),
    }
}
