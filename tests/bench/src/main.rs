//! Measures Windhover against a bare native server in one sitting: requests per second, processor time per request, how
//! long clients wait, and memory per idle connection.
//!
//! The servers take turns, pinned to one core, with the load on another, so that a machine that drifts drifts for all.
//! The figure to trust is the processor time of the server process per request as a ratio to the native server's in the
//! same round; of the rounds the median counts.

mod edge;
mod idle;
mod load;
mod native;
mod neighbor;
mod peers;
mod process;
mod report;
mod start;
mod stream;
mod table;
mod websocket;

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Parser, Subcommand};
use load::Load;
use process::Contender;
use report::Report;
use table::Table;

// The same allocator in both servers: what is compared is the work, not the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rounds; each measures every server once
    #[arg(global = true, long, default_value = "5")]
    rounds: usize,
    /// Seconds of load for one server in one round
    #[arg(global = true, long, default_value = "3")]
    seconds: u64,
    /// Only servers whose name has this in it, beside the native one, and nothing but requests; may be given more than once
    #[arg(global = true, long, value_name = "NAME")]
    only: Vec<String>,
    /// Write the figures into README.md and the chart that it shows
    #[arg(global = true, long)]
    write: bool,
    /// The windhover binary
    #[arg(global = true, long, default_value = "target/release/windhover")]
    windhover: PathBuf,
    /// Where the built guests are
    #[arg(global = true, long, default_value = "target/guests/wasm32-wasip2/release")]
    guests: PathBuf,
}

impl Args {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| name.contains(part))
    }
}

#[derive(Subcommand)]
enum Command {
    /// The bare native server that the others are compared with
    Native,
    /// Windhover's HTTP server with an application that is no guest: what the edge alone costs
    Edge,
    /// Only small messages over WebSockets
    Websocket,
    /// Only twice as many requests as can be answered, and what an app's clients notice of an attack on another
    Stress,
    /// Only the templates of each language, as `just languages` has built them
    Languages,
}

/// A server, and what it is called in a table.
type Named = (&'static str, Contender);

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut report = Report::default();
    match args.command {
        Some(Command::Native) => native::serve(),
        Some(Command::Edge) => edge::serve(),
        Some(Command::Websocket) => talk(&args, &mut report),
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
    talk(args, report)?;
    if args.write {
        report.write(Path::new("README.md"), "just bench --write")?;
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
        ("wasi:http 0.3 in Python (python-wasi-http)", "python_wasi_http.wasm"),
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

/// Twice as many requests as the server can answer, of a guest that computes a few milliseconds.
fn overload(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let file = tempfile::Builder::new().suffix(".toml").tempfile()?;
    let guest = args.guests.join("computes.wasm").canonicalize()?;
    let (instances, queue, path) = (4, 8, "/5");
    let text = format!(
        "[server]\nworkers = 1\ncache = \"none\"\n[endpoints.http]\nurl = \"http://127.0.0.1:0\"\n[apps.computes]\n\
         component = {guest:?}\nlimits = {{ max-instances = {instances}, max-queue = {queue} }}\n"
    );
    std::fs::write(file.path(), text)?;
    let contender = Contender::new(&args.windhover, ["serve".into(), "--config".into(), file.path().into()]);
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        let server = contender.start()?;
        let peak = Load::get(path).connections(instances).run(&server, args.seconds)?;
        let twice = Load::get(path).rate(2.0 * peak.requests_per_second).run(&server, args.seconds)?;
        rounds.push((twice.requests_per_second / peak.requests_per_second, peak, twice));
    }
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (goodput, peak, twice) = &rounds[rounds.len() / 2];
    report.say(format!(
        "Twice as much as it can do: a guest that computes for {:.1} ms, {instances} instances at once and {queue} \
         requests that wait. {:.0} requests/s are answered when {instances} clients ask, p99 {:.0} ms; of {:.0} a second \
         {:.0} are answered ({:.0} %), p99 {:.0} ms, and {:.0} are refused, each with 503 and Retry-After.\n",
        peak.cpu_microseconds / 1e3,
        peak.requests_per_second,
        peak.p99.as_secs_f64() * 1e3,
        2.0 * peak.requests_per_second,
        twice.requests_per_second,
        goodput * 100.0,
        twice.p99.as_secs_f64() * 1e3,
        twice.refused_per_second,
    ));
    Ok(())
}

/// An app with half as many requests as the server can answer, while another app is attacked.
fn neighbors(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let guest = |name: &str| args.guests.join(name);
    report.say(format!(
        "rust-hello at half of its peak while {FOES} connections ask for another app of the server, again and again, on \
         the same core:\n\n| the other app | p50, p99 µs without | p50, p99 µs with | p99 ratio |\n|---|---|---|---|"
    ));
    for (name, foe) in [
        ("never returns (spins)", "spins.wasm"),
        ("computes for 5 ms a request (computes)", "computes.wasm"),
        ("takes all memory (hogs-memory)", "hogs_memory.wasm"),
        ("traps (traps)", "traps.wasm"),
        ("writes far too much to the log (chats)", "chats.wasm"),
    ]
    .into_iter()
    .filter(|(name, _)| args.wants(name))
    {
        let server =
            neighbor::server(&args.windhover, &guest("rust_hello.wasm"), &guest(foe), folder.path())?.start()?;
        let peak = Load::get("/").run(&server, 1)?;
        let load = Load::get("/").rate(peak.requests_per_second / 2.0);
        let mut rounds = Vec::new();
        for _ in 0..args.rounds {
            let alone = load.run(&server, args.seconds)?;
            let beside = neighbor::attacked(&server, &load, FOES, args.seconds)?;
            rounds.push((beside.p99.as_secs_f64() / alone.p99.as_secs_f64(), alone, beside));
        }
        rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (ratio, alone, beside) = &rounds[rounds.len() / 2];
        let micros = |time: &std::time::Duration| time.as_secs_f64() * 1e6;
        report.say(format!(
            "| {name} | {:.0}, {:.0} | {:.0}, {:.0} | {ratio:.2} |",
            micros(&alone.median),
            micros(&alone.p99),
            micros(&beside.median),
            micros(&beside.p99),
        ));
    }
    report.say("");
    Ok(())
}

/// From the start of a process to its first answer.
fn starts(args: &Args, report: &mut Report) -> anyhow::Result<()> {
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
        let took = start::first_answer(contender, args.rounds)?;
        report.say(format!("| {name} | {:.1} |", took.as_secs_f64() * 1e3));
    }
    report.say("");
    Ok(())
}

/// What a request costs in each language.
fn templates(args: &Args, report: &mut Report) -> anyhow::Result<()> {
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

fn talk(args: &Args, report: &mut Report) -> anyhow::Result<()> {
    let server = windhover(args, "rust_websocket.wasm", &[]).start()?;
    for in_flight in [1, 8] {
        websocket::echo(&server, in_flight, 1)?; // warms up
        let echoed = websocket::echo(&server, in_flight, args.seconds)?;
        report.say(format!(
            "{} WebSockets of rust-websocket, {in_flight} messages of 16 bytes in flight on each: {:.0} messages/s, \
             {:.1} CPU µs each.",
            websocket::CONNECTIONS,
            echoed.messages_per_second,
            echoed.cpu_microseconds,
        ));
    }
    Ok(())
}

fn native() -> anyhow::Result<Contender> {
    Ok(Contender::new(&std::env::current_exe()?, ["native".into()]))
}

fn edge() -> anyhow::Result<Contender> {
    Ok(Contender::new(&std::env::current_exe()?, ["edge".into()]))
}

fn windhover(args: &Args, guest: &str, options: &[&str]) -> Contender {
    serve(args, &args.guests.join(guest), &[&["--no-cache", "--max-body-size", "0"], options].concat())
}

/// A guest that is there if `just languages` has built it.
fn language(args: &Args, guest: &str) -> Option<Contender> {
    let guest = languages(args).join(guest);
    let usual = ["--cache", "target/bench-cache", "--max-body-size", "0"]; // they take seconds to compile
    guest.exists().then(|| serve(args, &guest, &usual))
}

fn languages(args: &Args) -> PathBuf {
    args.guests.join("../../languages")
}

/// With one thread, unless the options say otherwise.
fn serve(args: &Args, app: &Path, options: &[&str]) -> Contender {
    let workers: &[&str] = if options.contains(&"--workers") { &[] } else { &["--workers", "1"] };
    let options = [&["serve", "--url", "http://127.0.0.1:0"], workers, options].concat();
    let (command, options) = options.split_first().expect("there are some");
    Contender::new(&args.windhover, [command.into(), app.into()].into_iter().chain(options.iter().map(Into::into)))
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

/// Connections that attack.
const FOES: usize = 8;

const NATIVE: &str = "native hyper, no WebAssembly";

/// The chart in the README.
const CHART: &str = "tests/bench/chart.svg";
