//! `windhover compile`: writes an app and its machine code to one file. A server that starts from it compiles nothing.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::bail;

use crate::args::Compile;
use crate::output;
use windhover_server::parts::Parts;
use windhover_server::say;

/// Compiles an app and replaces the file atomically.
pub(crate) fn compile(args: &Compile) -> anyhow::Result<ExitCode> {
    let begin = Instant::now();
    let out = args.out.clone().unwrap_or_else(|| args.app.with_extension("cwasm"));
    if args.out.is_none() && out == args.app {
        bail!("{} is already compiled; to compile it again, name another file with --out", out.display());
    }
    let parts = Parts::read(Some(&args.app), &args.middleware)?;
    let whole = parts.compose()?;
    for warning in &whole.warnings {
        say(&format!("Warning: {warning}"));
    }
    let compiled = windhover_sandbox::compile(&whole.bytes, &whole.name, args.target.as_deref())?;
    output::write(&out, &compiled)?;
    let machine = args.target.as_deref().unwrap_or("this machine");
    let (size, took) = (compiled.len() as f64 / 1e6, begin.elapsed().as_millis());
    say(&format!("Compiled {} for {machine} in {took} ms: {}, {size:.1} MB", whole.name.display(), out.display()));
    Ok(ExitCode::SUCCESS)
}
