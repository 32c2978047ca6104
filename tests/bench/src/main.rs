//! Measures Windhover against a bare native server in one sitting: requests per second, processor time per request, and
//! memory per idle connection.
//!
//! The servers take turns, pinned to one core, with the load on another, so that a machine that drifts drifts for all.
//! The figure to trust is the processor time of the server process per request as a ratio to the native server's in the
//! same round; of the rounds the median counts.

mod idle;
mod load;
mod native;
mod process;
mod stream;
mod table;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.command {
        Some(Command::Native) => native::serve(),
        None => compare(&args),
    }
}

fn compare(args: &Args) -> anyhow::Result<()> {
    let this = std::env::current_exe()?;
    let windhover = |guest: &str| {
        let guest = args.guests.join(guest);
        let options = ["--url", "http://127.0.0.1:0", "--workers", "1", "--no-cache", "--max-body-size", "0"];
        process::Contender::new(
            &args.windhover,
            ["serve".into(), guest.into()].into_iter().chain(options.map(Into::into)),
        )
    };
    let contenders = [
        ("native hyper, no WebAssembly", process::Contender::new(&this, ["native".into()])),
        ("windhover, application world (rust-hello)", windhover("rust_hello.wasm")),
        ("windhover, application world, five features used", windhover("five_features.wasm")),
        ("windhover, wasi:http 0.2 (rust-wasi-http)", windhover("rust_wasi_http.wasm")),
    ];
    let echo = &contenders[3].1;

    let mut table = table::Table::new(contenders.iter().map(|(name, _)| *name));
    for round in 1..=args.rounds {
        eprintln!("round {round} of {}", args.rounds);
        for (name, contender) in &contenders {
            let server = contender.start()?;
            load::run(&server, 1)?; // warms caches and the branch predictor
            table.add(name, load::run(&server, args.seconds)?);
        }
    }
    for (name, contender) in &contenders {
        table.add_idle(name, idle::bytes_per_connection(&contender.start()?)?);
    }
    print!("{table}");

    let streamed = stream::echo(&echo.start()?)?;
    println!(
        "\n{} MiB echoed by rust-wasi-http as they arrive: {:.0} MB/s, {:.1} MiB of memory more than before at the peak",
        stream::SIZE >> 20,
        streamed.megabytes_per_second,
        streamed.peak_memory as f64 / (1 << 20) as f64,
    );
    Ok(())
}
