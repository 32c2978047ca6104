//! How long a server takes from its process's start to its first answer.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::args::Args;
use crate::process::Contender;
use crate::report::Report;
use crate::servers::{NATIVE, languages, native, serve, windhover};

/// The median of so many starts.
fn first_answer(contender: &Contender, starts: usize) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..=starts {
        let begin = Instant::now();
        let server = contender.start()?;
        let mut connection = TcpStream::connect(&server.address)?;
        connection.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")?;
        let mut answer = [0; 12];
        connection.read_exact(&mut answer)?;
        times.push(begin.elapsed());
        anyhow::ensure!(answer == *b"HTTP/1.1 200", "the first answer is {:?}", String::from_utf8_lossy(&answer));
    }
    times.remove(0); // it has filled a cache, of the server or of the system
    times.sort_unstable();
    Ok(times[times.len() / 2])
}

/// From the start of a process to its first answer.
pub(crate) fn starts(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let cache = folder.path().to_string_lossy().into_owned();
    let mut servers = vec![
        (NATIVE, native()?),
        ("rust-hello, compiled at the start", windhover(args, "rust_hello.wasm", &[])),
        ("rust-hello, from the cache", serve(args, &args.guests.join("rust_hello.wasm"), &["--cache", &cache])),
    ];
    let compiled = |app: &Path| -> anyhow::Result<PathBuf> {
        let out = folder.path().join(app.with_extension("cwasm").file_name().unwrap_or_default());
        let done = std::process::Command::new(&args.windhover).arg("compile").arg(app).arg("-o").arg(&out).output()?;
        anyhow::ensure!(done.status.success(), "it does not compile: {}", String::from_utf8_lossy(&done.stderr));
        Ok(out)
    };
    let ahead = compiled(&args.guests.join("rust_hello.wasm"))?;
    servers.push(("rust-hello, compiled ahead", serve(args, &ahead, &["--no-cache"])));
    let script = languages(args).join("js_wasi_http.wasm");
    if script.exists() {
        servers.push(("js-wasi-http, from the cache", serve(args, &script, &["--cache", &cache])));
        servers.push(("js-wasi-http, compiled ahead", serve(args, &compiled(&script)?, &["--no-cache"])));
    }
    report.say("From the start of the process to its first answer:\n\n| server | ms |\n|---|---|");
    for (name, contender) in &servers {
        let took = first_answer(contender, args.rounds)?;
        report.say(format!("| {name} | {:.1} |", took.as_secs_f64() * 1e3));
    }
    report.say("");
    Ok(())
}
