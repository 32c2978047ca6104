//! The servers that are measured, and how each is started.

use std::path::{Path, PathBuf};

use crate::args::Args;
use crate::process::Contender;

/// A server, and what it is called in a table.
pub(crate) type Named = (&'static str, Contender);

pub(crate) fn native() -> anyhow::Result<Contender> {
    Ok(Contender::new(&std::env::current_exe()?, ["native".into()]))
}

pub(crate) fn edge() -> anyhow::Result<Contender> {
    Ok(Contender::new(&std::env::current_exe()?, ["edge".into()]))
}

pub(crate) fn windhover(args: &Args, guest: &str, options: &[&str]) -> Contender {
    serve(args, &args.guests.join(guest), &[&["--no-cache", "--max-body-size", "0"], options].concat())
}

/// A guest that is there if `just languages` has built it.
pub(crate) fn language(args: &Args, guest: &str) -> Option<Contender> {
    let guest = languages(args).join(guest);
    let usual = ["--cache", "target/bench-cache", "--max-body-size", "0"]; // they take seconds to compile
    guest.exists().then(|| serve(args, &guest, &usual))
}

pub(crate) fn languages(args: &Args) -> PathBuf {
    args.guests.join("../../languages")
}

/// With one thread, unless the options say otherwise.
pub(crate) fn serve(args: &Args, app: &Path, options: &[&str]) -> Contender {
    let workers: &[&str] = if options.contains(&"--workers") { &[] } else { &["--workers", "1"] };
    let options = [&["serve", "--url", "http://127.0.0.1:0"], workers, options].concat();
    let (command, options) = options.split_first().expect("there are some");
    Contender::new(&args.windhover, [command.into(), app.into()].into_iter().chain(options.iter().map(Into::into)))
}

pub(crate) const NATIVE: &str = "native hyper, no WebAssembly";
