//! What the templates of `windhover new` make in each language, as `run.sh` has built it, behaves the same on every server.
//! `just languages` runs this; with `--write` it renews the table in `guest-examples/README.md`.

mod behaviours;
mod table;

use std::path::Path;
use std::process::ExitCode;

use tokio::task::JoinError;
use windhover_tests::{TestServer, guest};

use behaviours::BEHAVIOURS;
use table::{Row, costs, table};

#[tokio::main]
async fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|_| ())); // a failed assertion is told with the sentence that it is of
    let mut rows = Vec::new();
    let (mut passed, mut failed) = (0, 0);
    for language in LANGUAGES {
        for contract in contracts(language) {
            let app = format!("{language}-{contract}");
            let mut row = Row { app: app.clone(), holds: Vec::new() };
            for (sentence, behaviour) in BEHAVIOURS {
                let is_gap = GAPS.contains(&(app.as_str(), sentence));
                let mut holds = !is_gap;
                for (name, server) in servers() {
                    let served = server.serve(guest(&app)).await;
                    // A task of its own, so that a failed assertion is one test's end and not all tests'.
                    match tokio::spawn(behaviour(served, app.clone())).await {
                        Ok(()) if is_gap => {
                            eprintln!("languages: {app} on {name}: it is true now that {sentence}; take it from GAPS");
                            failed += 1;
                        }
                        Ok(()) => passed += 1,
                        Err(_) if is_gap => passed += 1,
                        Err(reason) => {
                            eprintln!("languages: {app} on {name}: it is not true that {sentence}: {}", said(reason));
                            (failed, holds) = (failed + 1, false);
                        }
                    }
                }
                row.holds.push(holds);
            }
            rows.push(row);
        }
    }
    println!(
        "languages: {passed} tests passed, {failed} failed: {} behaviours of {} apps",
        BEHAVIOURS.len(),
        rows.len()
    );
    if std::env::args().any(|argument| argument == "--write") {
        let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-examples/README.md");
        table::write(&readme, "what holds", &table(&rows));
        table::write(&readme, "what it costs", &costs().await);
    }
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What an assertion said.
fn said(reason: JoinError) -> String {
    let Ok(panic) = reason.try_into_panic() else { return "it was cancelled".to_owned() };
    match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(panic) => panic.downcast::<&str>().map_or_else(|_| "it panicked".to_owned(), |said| (*said).to_owned()),
    }
}

fn servers() -> [(&'static str, TestServer); 3] {
    [("the server in memory", TestServer::memory()), ("HTTP", TestServer::http()), ("HTTPS", TestServer::https())]
}

const LANGUAGES: [&str; 8] = ["c", "cpp", "go", "js", "python", "rust", "ts", "zig"];

/// Those that the language's tools can make. 0.3 of wasi:http is not for all.
fn contracts(language: &str) -> &'static [&'static str] {
    match language {
        "c" | "js" | "python" | "rust" => &["application", "wasi-http", "wasi-http-p3"],
        _ => &["application", "wasi-http"],
    }
}

/// What does not hold, and whose doing that is.
const GAPS: [(&str, &str); 3] = [
    // Go's runtime asks for the time of day when it collects garbage while it is given memory, and the component model
    // lets nobody leave an instance at that moment ("cannot leave component instance"): bytecodealliance/wasmtime#14319.
    ("go-application", "30 MB pass in both directions"),
    // StarlingMonkey finishes an answer as if it were whole, whatever the stream behind it says.
    ("js-wasi-http", "half a request is no whole answer"),
    ("ts-wasi-http", "half a request is no whole answer"),
];
