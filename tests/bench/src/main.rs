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
mod process;
mod stream;
mod table;
mod websocket;

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use table::Table;

// The same allocator in both servers: what is compared is the work, not the allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Rounds; each measures every server once
    #[arg(long, default_value = "5")]
    rounds: usize,
    /// Seconds of load for one server in one round
    #[arg(long, default_value = "3")]
    seconds: u64,
    /// Only servers whose name has this in it, beside the native one, and nothing but requests; may be given more than once
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// The windhover binary
    #[arg(long, default_value = "target/release/windhover")]
    windhover: PathBuf,
    /// Where the built guests are
    #[arg(long, default_value = "target/guests/wasm32-wasip2/release")]
    guests: PathBuf,
}

#[derive(Subcommand)]
enum Command {
    /// The bare native server that the others are compared with
    Native,
    /// Windhover's HTTP server with an application that is no guest: what the edge alone costs
    Edge,
    /// Only small messages over WebSockets
    Websocket,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Native) => native::serve(),
        Some(Command::Edge) => edge::serve(),
        Some(Command::Websocket) => talk(&args),
        None if args.only.is_empty() => compare(&args).and_then(|()| talk(&args)),
        None => compare(&args),
    }
}

fn compare(args: &Args) -> anyhow::Result<()> {
    let this = std::env::current_exe()?;
    let native = || ("native hyper, no WebAssembly", process::Contender::new(&this, ["native".into()]));
    let edge = || ("windhover's HTTP server, no WebAssembly", process::Contender::new(&this, ["edge".into()]));
    let serial = ["--reuse", "serial"];
    let concurrent = ["--reuse", "concurrent"];
    let hello = [
        native(),
        edge(),
        ("application world (rust-hello)", windhover(args, "rust_hello.wasm", &[])),
        ("application world, five features used", windhover(args, "five_features.wasm", &[])),
        ("application world, instance reused", windhover(args, "rust_hello.wasm", &serial)),
        ("wasi:http 0.2 (rust-wasi-http)", windhover(args, "rust_wasi_http.wasm", &[])),
        ("wasi:http 0.2, instance reused", windhover(args, "rust_wasi_http.wasm", &serial)),
        ("wasi:http 0.3 (rust-wasi-http-p3)", windhover(args, "rust_wasi_http_p3.wasm", &[])),
        ("wasi:http 0.3, instance reused", windhover(args, "rust_wasi_http_p3.wasm", &concurrent)),
    ];
    println!("A request without content, and a line back:\n");
    let mut table = measure(args, &load::Load::get(), &hello)?;
    for (name, contender) in hello.iter().filter(|_| args.only.is_empty()) {
        table.add_idle(name, idle::bytes_per_connection(&contender.start()?)?);
    }
    println!("{table}");
    for size in [64 << 10, 1 << 20] {
        println!("{} KiB echoed as they come:\n", size >> 10);
        let echo = [
            native(),
            edge(),
            ("wasi:http 0.2 (rust-wasi-http)", windhover(args, "rust_wasi_http.wasm", &[])),
            ("wasi:http 0.3 (rust-wasi-http-p3)", windhover(args, "rust_wasi_http_p3.wasm", &[])),
        ];
        println!("{}", measure(args, &load::Load::echo(size), &echo)?);
    }
    if !args.only.is_empty() {
        return Ok(());
    }
    let streamed = stream::echo(&windhover(args, "rust_wasi_http.wasm", &[]).start()?)?;
    println!(
        "{} MiB echoed by rust-wasi-http as they arrive: {:.0} MB/s, {:.1} MiB of memory more than before at the peak",
        stream::SIZE >> 20,
        streamed.megabytes_per_second,
        streamed.peak_memory as f64 / (1 << 20) as f64,
    );
    Ok(())
}

fn measure(args: &Args, load: &load::Load, servers: &[(&'static str, process::Contender)]) -> anyhow::Result<Table> {
    let is_wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|part| name.contains(part));
    let servers: Vec<_> =
        servers.iter().enumerate().filter(|(at, (name, _))| *at == 0 || is_wanted(name)).map(|(_, it)| it).collect();
    let mut table = Table::new(servers.iter().map(|(name, _)| *name));
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        for (name, contender) in &servers {
            let server = contender.start()?;
            load.run(&server, 1)?; // warms caches and the branch predictor
            table.add(name, load.run(&server, args.seconds)?);
        }
    }
    Ok(table)
}

fn talk(args: &Args) -> anyhow::Result<()> {
    let server = windhover(args, "rust_websocket.wasm", &[]).start()?;
    for in_flight in [1, 8] {
        websocket::echo(&server, in_flight, 1)?; // warms up
        let echoed = websocket::echo(&server, in_flight, args.seconds)?;
        println!(
            "{} WebSockets of rust-websocket, {in_flight} messages of 16 bytes in flight on each: {:.0} messages/s, \
             {:.1} CPU µs each",
            websocket::CONNECTIONS,
            echoed.messages_per_second,
            echoed.cpu_microseconds,
        );
    }
    Ok(())
}

fn windhover(args: &Args, guest: &str, options: &[&str]) -> process::Contender {
    let guest = args.guests.join(guest);
    let usual = ["--url", "http://127.0.0.1:0", "--workers", "1", "--no-cache", "--max-body-size", "0"];
    let options = usual.iter().chain(options).map(Into::into);
    process::Contender::new(&args.windhover, ["serve".into(), guest.into()].into_iter().chain(options))
}
