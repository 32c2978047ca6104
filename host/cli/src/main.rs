//! The `windhover` command.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use windhover::args::Args;

// The system's allocator costs a fifth of a small request; this one gives each thread its own heap.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match windhover::run(Args::parse()) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "windhover: {error:#}"); // nobody may be there to read it
            ExitCode::FAILURE
        }
    }
}
