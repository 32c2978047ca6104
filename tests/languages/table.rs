//! What came of the tests, as a table for people; with what building and an instance cost beside it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use windhover_sandbox::Reuse;
use windhover_tests::{Served, TestServer, guest, guest_file};

use crate::behaviours::BEHAVIOURS;
use crate::{LANGUAGES, contracts};

/// What came of one app's tests.
pub(crate) struct Row {
    pub(crate) app: String,
    /// In the order of the behaviours, whether each holds on every server.
    pub(crate) holds: Vec<bool>,
}

pub(crate) fn table(rows: &[Row]) -> String {
    let mut table = format!(
        "| on every server | {} |\n|---|{}\n",
        LANGUAGES.map(name_of).join(" | "),
        "---|".repeat(LANGUAGES.len())
    );
    for (at, (sentence, _)) in BEHAVIOURS.iter().enumerate() {
        let cells = LANGUAGES.map(|language| {
            let holds = |contract: &&str| {
                let app = format!("{language}-{contract}");
                rows.iter().any(|row| row.app == app && row.holds[at])
            };
            let holding: Vec<_> = contracts(language).iter().filter(|contract| holds(contract)).copied().collect();
            match holding.len() {
                0 => "no".to_owned(),
                all if all == contracts(language).len() => "yes".to_owned(),
                _ => holding.join(", "),
            }
        });
        writeln!(table, "| {sentence} | {} |", cells.join(" | ")).expect("memory is written");
    }
    table
}

/// What each app costs: measured, so never part of a test.
pub(crate) async fn costs() -> String {
    let seconds = guest_file("rust-application").with_file_name("seconds.tsv");
    let seconds = fs::read_to_string(&seconds).unwrap_or_else(|error| panic!("{}: {error}", seconds.display()));
    let mut table = "| app | component | `new` | `build` | `test` | `test` again | an exchange | with an instance that is reused |\n\
                     |---|---|---|---|---|---|---|---|\n".to_owned();
    for line in seconds.lines() {
        let [app, new, build, test, again] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let size = fs::metadata(guest_file(app)).expect("it was just served").len();
        let fresh = exchange(app, Reuse::Never).await;
        let reused = if ANSWERS_ONCE.contains(&app) {
            "it answers once".to_owned()
        } else {
            let reuse = Reuse::Serial { max_requests: u32::MAX, idle: Duration::from_secs(60) };
            format!("{} µs", exchange(app, reuse).await.as_micros())
        };
        writeln!(
            table,
            "| {app} | {:.0} kB | {new} s | {build} s | {test} s | {again} s | {} µs | {reused} |",
            size as f64 / 1e3,
            fresh.as_micros(),
        )
        .expect("memory is written");
    }
    table
}

/// The median time of a greeting, from the first byte to the last, by the server in memory. Each is looked at: what is
/// measured is answers, and no failures.
async fn exchange(app: &str, reuse: Reuse) -> Duration {
    let server = TestServer::memory().sandbox_limits(|limits| limits.reuse = reuse);
    let served: Served = server.serve(guest(app)).await;
    let wire = &mut served.connect().await;
    let (mut times, mut greeting) = (Vec::with_capacity(EXCHANGES), None);
    for _ in 0..EXCHANGES {
        let began = Instant::now();
        wire.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let answer = wire.receive_response().await;
        times.push(began.elapsed());
        assert_eq!(answer.status_line, "HTTP/1.1 200 OK", "{app} with {reuse:?}");
        let greeting = greeting.get_or_insert_with(|| answer.text().to_owned());
        assert!(!greeting.is_empty() && answer.text() == greeting, "{app} with {reuse:?}: {:?}", answer.text());
    }
    times.sort_unstable();
    times[EXCHANGES / 2]
}

/// Puts a text between the marks of that name in a file.
pub(crate) fn write(file: &Path, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- {name}, by `just languages --write` -->\n"), "<!-- end -->");
    let written = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let (before, rest) = written.split_once(&begin).unwrap_or_else(|| panic!("{} has no {begin}", file.display()));
    let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{} has no {end} behind {begin}", file.display()));
    fs::write(file, format!("{before}{begin}{text}{end}{after}")).expect("it was just read");
}

fn name_of(language: &str) -> &str {
    match language {
        "c" => "C",
        "cpp" => "C++",
        "go" => "Go",
        "js" => "JavaScript",
        "python" => "Python",
        "rust" => "Rust",
        "ts" => "TypeScript",
        "zig" => "Zig",
        other => other,
    }
}

const EXCHANGES: usize = 301;

/// Their engine, StarlingMonkey for wasi:http 0.2, answers one request in an instance and fails at the next.
const ANSWERS_ONCE: [&str; 2] = ["js-wasi-http", "ts-wasi-http"];
