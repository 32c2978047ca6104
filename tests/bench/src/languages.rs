//! What a request costs in each language.

use std::path::Path;

use anyhow::Context;

use crate::args::Args;
use crate::load::Load;
use crate::measure;
use crate::report::{self, Report};
use crate::servers::{NATIVE, language, native};

/// Of the templates, as `just languages` has built them.
pub(crate) fn templates(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    report.say(format!("{}\n", report::circumstances()));
    let mut servers = vec![(NATIVE, native()?)];
    for name in TEMPLATES {
        let server = language(args, &format!("{}.wasm", name.replace('-', "_")));
        servers.push((name, server.with_context(|| format!("{name} is not built; run `just languages`"))?));
    }
    report.say(measure(args, &Load::get("/"), &servers)?);
    if args.write {
        report.write(Path::new("guest-examples/README.md"), "just bench languages --write")?;
    }
    Ok(())
}

const TEMPLATES: [&str; 20] = [
    "c-application",
    "c-wasi-http",
    "c-wasi-http-p3",
    "cpp-application",
    "cpp-wasi-http",
    "go-application",
    "go-wasi-http",
    "js-application",
    "js-wasi-http",
    "js-wasi-http-p3",
    "python-application",
    "python-wasi-http",
    "python-wasi-http-p3",
    "rust-application",
    "rust-wasi-http",
    "rust-wasi-http-p3",
    "ts-application",
    "ts-wasi-http",
    "zig-application",
    "zig-wasi-http",
];
