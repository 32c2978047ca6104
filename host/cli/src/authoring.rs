//! The commands for authors of apps, from `new` to `profile`. A build for servers leaves them out.

mod bindings;
mod build;
mod component;
mod dev;
mod dev_cert;
pub(crate) mod languages;
mod new;
mod profile;
mod templates;
mod test;
mod wit;

use std::process::ExitCode;

use crate::args::authoring::Command;

/// Runs one of these commands.
pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::New(new) => new::new(&new),
        Command::Build(build) => build::build(&build),
        Command::Dev(dev) => dev::dev(&dev),
        Command::Test(test) => test::test(&test),
        Command::Profile(profile) => profile::profile(&profile),
        Command::Component(component) => component::component(&component),
        Command::Bindings(bindings) => bindings::bindings(&bindings),
        Command::DevCert(dev_cert) => dev_cert::dev_cert(&dev_cert),
    }
}
