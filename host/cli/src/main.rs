//! The `windhover` command.

mod allocator;

use std::io::Write;
use std::process::ExitCode;

use windhover::args::Command;

fn main() -> ExitCode {
    let args = windhover::read_args();
    if matches!(args.command, Command::Serve(_)) {
        allocator::give_back();
    }
    match windhover::run(args) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "windhover: {error:#}"); // nobody may be there to read it
            ExitCode::FAILURE
        }
    }
}
