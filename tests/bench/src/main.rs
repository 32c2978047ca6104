//! Measures Windhover against a bare native server in one sitting: requests per second, processor time per request, how
//! long clients wait, and memory per idle connection.
//!
//! The servers take turns, pinned to one core, with the load on another, so that a machine that drifts drifts for all.
//! The figure to trust is the processor time of the server process per request as a ratio to the native server's in the
//! same round; of the rounds the median counts.

mod args;
mod edge;
mod idle;
mod languages;
mod load;
mod native;
mod neighbor;
mod overload;
mod peers;
mod process;
mod report;
mod servers;
mod start;
mod stream;
mod table;
mod websocket;

use std::path::Path;

use anyhow::Context;
use args::{Args, Command};
use clap::Parser;
use languages::templates;
use load::Load;
use neighbor::neighbors;
use overload::overload;
use report::Report;
use servers::{NATIVE, Named, edge, language, native, windhover};
use start::starts;
use table::Table;
use websocket::websockets;

// The same allocator in both servers: what is compared is the work, not the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut report = Report::default();
    match args.command {
        Some(Command::Native) => native::serve(),
        Some(Command::Edge) => edge::serve(),
        Some(Command::Websocket) => websockets(&args, &mut report),
        Some(Command::Stress) => overload(&args, &mut report).and_then(|()| neighbors(&args, &mut report)),
        Some(Command::Languages) => templates(&args, &mut report),
        None => compare(&args, &mut report),
    }
}

fn compare(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    report.say(format!("{}\n", report::circumstances()));
    let chart = requests(args, report)?;
    echoes(args, report)?;
    large(args, report)?;
    if !args.only.is_empty() {
        return Ok(());
    }
    cores(args, report)?;
    overload(args, report)?;
    neighbors(args, report)?;
    starts(args, report)?;
    let streamed = stream::echo(&windhover(args, "rust_wasi_http.wasm", &[]).start()?)?;
    report.say(format!(
        "{} MiB echoed by rust-wasi-http as they arrive: {:.0} MB/s, {:.1} MiB of memory more than before at the peak.",
        stream::SIZE >> 20,
        streamed.megabytes_per_second,
        streamed.peak_memory as f64 / (1 << 20) as f64,
    ));
    websockets(args, report)?;
    if args.write {
        report.write(Path::new("docs/performance.md"), "just bench --write")?;
        std::fs::write(CHART, chart)?;
    }
    Ok(())
}

/// A request without content, and a line back. Gives the chart of it.
fn requests(args: &Args, report: &mut Report) -> anyhow::Result<String> {
    let serial = ["--reuse", "serial"];
    let concurrent = ["--reuse", "concurrent"];
    let mut servers = vec![
        (NATIVE, native()?),
        ("native hyper once more, for the noise", native()?),
        ("windhover's HTTP server, no WebAssembly", edge()?),
        ("application world (rust-hello)", windhover(args, "rust_hello.wasm", &[])),
        ("application world, access log on", windhover(args, "rust_hello.wasm", &["--access-log"])),
        ("application world, five features used", windhover(args, "five_features.wasm", &[])),
        ("application world, instance reused", windhover(args, "rust_hello.wasm", &serial)),
        ("wasi:http 0.2 (rust-wasi-http)", windhover(args, "rust_wasi_http.wasm", &[])),
        ("wasi:http 0.2, instance reused", windhover(args, "rust_wasi_http.wasm", &serial)),
        ("wasi:http 0.3 (rust-wasi-http-p3)", windhover(args, "rust_wasi_http_p3.wasm", &[])),
        ("wasi:http 0.3, instance reused", windhover(args, "rust_wasi_http_p3.wasm", &concurrent)),
    ];
    for (name, guest) in [
        ("wasi:http 0.2 in C (c-wasi-http)", "c_wasi_http.wasm"),
        ("wasi:http 0.2 in JavaScript (js-wasi-http)", "js_wasi_http.wasm"),
        ("wasi:http 0.3 in C (c-wasi-http-p3)", "c_wasi_http_p3.wasm"),
        ("wasi:http 0.3 in JavaScript (js-wasi-http-p3)", "js_wasi_http_p3.wasm"),
        ("wasi:http 0.3 in Python (python-wasi-http-p3)", "python_wasi_http_p3.wasm"),
    ] {
        servers.extend(language(args, guest).map(|server| (name, server)));
    }
    let guest = |name: &str| args.guests.join(name);
    let once = ["--max-instance-reuse-count", "1"];
    for (name, guest, options) in [
        ("wasmtime serve, 0.2 (rust-wasi-http)", guest("rust_wasi_http.wasm"), &[][..]),
        ("wasmtime serve, 0.3 fresh", guest("rust_wasi_http_p3.wasm"), &once),
        ("wasmtime serve, 0.3 reused, its default", guest("rust_wasi_http_p3.wasm"), &[]),
    ] {
        servers.extend(peers::wasmtime_serve(&guest, options).map(|server| (name, server)));
    }
    let nginx = peers::nginx()?;
    let (nginx, _folder) = nginx.map_or((None, None), |(nginx, folder)| (Some(nginx), Some(folder)));
    servers.extend(nginx.map(|server| ("nginx, a line of its configuration", server)));
    let mut table = measure(args, &Load::get("/"), &servers)?;
    for (name, contender) in servers.iter().filter(|_| args.only.is_empty()) {
        table.add_idle(name, idle::bytes_per_connection(&contender.start()?)?);
    }
    report.say(format!("A request without content, and a line back:\n\n{table}"));
    Ok(report::chart(&table))
}

/// Content that is sent back.
fn echoes(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    for size in [64 << 10, 1 << 20] {
        let servers = [
            (NATIVE, native()?),
            ("windhover's HTTP server, no WebAssembly", edge()?),
            ("wasi:http 0.2 (rust-wasi-http)", windhover(args, "rust_wasi_http.wasm", &[])),
            ("wasi:http 0.3 (rust-wasi-http-p3)", windhover(args, "rust_wasi_http_p3.wasm", &[])),
        ];
        if !servers[1..].iter().any(|(name, _)| args.wants(name)) {
            continue;
        }
        let table = measure(args, &Load::echo(size), &servers)?;
        report.say(format!("{} KiB echoed as they come:\n\n{table}", size >> 10));
    }
    Ok(())
}

/// An answer with a mebibyte of content, written in pieces.
fn large(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let servers = [
        (NATIVE, native()?),
        ("windhover's HTTP server, no WebAssembly", edge()?),
        ("application world, pieces of 64 KiB (streams)", windhover(args, "streams.wasm", &[])),
    ];
    if servers[1..].iter().any(|(name, _)| args.wants(name)) {
        let table = measure(args, &Load::get("/mebibyte").connections(16), &servers)?;
        report.say(format!(
            "A request without content, and 1024 KiB back, by the native servers in one piece:\n\n{table}"
        ));
    }
    Ok(())
}

/// Two threads on two cores, beside the load. It takes its part of one of them, so what counts is the processor time of
/// a request: what is not lost by there being two is gained.
fn cores(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let (one, two) = ("one thread", "two threads");
    let threads = |count| windhover(args, "rust_hello.wasm", &["--workers", count]).on_all_cores();
    let table = measure(args, &Load::get("/"), &[(one, threads("1")), (two, threads("2"))])?;
    let (alone, each) = (table.cpu_microseconds(one), table.cpu_microseconds(two));
    report.say(format!(
        "Two threads on two cores: {each:.1} CPU µs a request, with one thread {alone:.1}: {:.2} times its throughput.\n",
        2.0 * alone / each
    ));
    Ok(())
}

fn measure(args: &Args, load: &Load, servers: &[Named]) -> anyhow::Result<Table> {
    let is_reference = |name: &str| name == servers[0].0;
    let servers: Vec<_> = servers.iter().filter(|(name, _)| is_reference(name) || args.wants(name)).collect();
    let mut table = Table::new(servers.iter().map(|(name, _)| *name));
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        for (name, contender) in &servers {
            let measured = contender.start().and_then(|server| {
                load.run(&server, 1)?; // warms caches and the branch predictor
                load.run(&server, args.seconds)
            });
            table.add(name, measured.with_context(|| format!("cannot measure {name}"))?);
        }
    }
    Ok(table)
}

/// The chart in the README.
const CHART: &str = "tests/bench/chart.svg";
