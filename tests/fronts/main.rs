//! The same module behind every proxy: `windhover serve` with what `windhover front` prints for each, and the same requests
//! to all of them. `just fronts` runs this; with `--write` it renews the table in `docs/fronts.md`.
//!
//!     fronts WINDHOVER GUESTS FOLDER [--only COLUMN] [--row WORDS] [--smuggling] [--restarts N] [--swaps N] [--write]

mod behaviours;
mod client;
mod columns;
mod limits;
mod process;
mod proxies;
mod restarts;
mod smuggling;
mod table;
mod windhover;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use windhover_tests::secure;

use behaviours::{ROWS, Row};
use client::Version;
use columns::{COLUMNS, Column, Front};
use proxies::Proxy;
use table::{Cell, Table};
use windhover::Machine;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    match run().await {
        Ok(0) => ExitCode::SUCCESS,
        Ok(failed) => {
            eprintln!("fronts: {failed} cells are not as expected");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("fronts: {error:#}");
            ExitCode::FAILURE
        }
    }
}

struct Options {
    only: Option<String>,
    row: Option<String>,
    is_smuggling: bool,
    restarts: usize,
    swaps: usize,
    is_write: bool,
}

async fn run() -> Result<usize> {
    let mut arguments = std::env::args().skip(1);
    let mut path = || arguments.next().map(PathBuf::from).context("fronts WINDHOVER GUESTS FOLDER");
    let (windhover, guests, folder) = (path()?.canonicalize()?, path()?.canonicalize()?, path()?);
    let mut options = Options { only: None, row: None, is_smuggling: false, restarts: 0, swaps: 0, is_write: false };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => options.only = arguments.next(),
            "--row" => options.row = arguments.next(),
            "--smuggling" => options.is_smuggling = true,
            "--restarts" => options.restarts = number(arguments.next())?,
            "--swaps" => options.swaps = number(arguments.next())?,
            "--write" => options.is_write = true,
            other => bail!("there is no option {other}"),
        }
    }
    let machine = prepare(windhover, &guests, &folder)?;
    let mut table = Table::default();
    let chosen =
        || COLUMNS.iter().filter(|column| options.only.as_deref().is_none_or(|only| column.name.contains(only)));
    for proxy in [Proxy::Nginx, Proxy::Apache, Proxy::Haproxy, Proxy::Caddy] {
        table.version(proxy.name(), proxy.version()?);
    }
    // Two at a time, because much of a column is waiting.
    let mut columns = stream::iter(chosen()).map(|column| tried(&machine, column, &options)).buffered(2);
    while let Some(tried) = columns.next().await {
        let Tried { column, hash, cells, smuggled } = tried?;
        match smuggled {
            Some(Ok((sent, through))) => table.smuggled(column.name, sent, through),
            Some(Err(error)) => table.fail(&format!("{}: smuggling: {error:#}", column.name)),
            None => {}
        }
        table.push(column.name, hash, cells);
    }
    let is_restarted = |column: &&Column| column.is_restarted() && options.restarts + options.swaps > 0;
    for column in chosen().filter(is_restarted) {
        let measured = restarts::restarts(&machine, column, options.restarts, options.swaps).await;
        match measured.with_context(|| format!("{}: restarts", column.name)) {
            Ok(measured) => table.restarted(measured),
            Err(error) => table.fail(&format!("{error:#}")),
        }
    }
    ensure!(table.has_one_hash(), "the columns have served different modules");
    println!("{table}");
    if options.is_write {
        table.write(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/fronts.md"))?;
    }
    Ok(table.failed())
}

fn number(argument: Option<String>) -> Result<usize> {
    argument.context("a number is missing")?.parse().context("it takes a number")
}

/// A fresh folder with a certificate, which proxies may read.
fn prepare(windhover: PathBuf, guests: &Path, folder: &Path) -> Result<Machine> {
    let _ = std::fs::remove_dir_all(folder);
    process::folder(folder)?;
    let folder = folder.canonicalize()?;
    let certificates = secure::Folder::new();
    let issued = certificates.write_certificate("localhost.pem", secure::certificate());
    let certificate = folder.join("localhost.pem");
    process::write(&certificate, std::fs::read(issued)?)?;
    std::fs::create_dir_all(folder.join("cache"))?;
    Ok(Machine { windhover, module: guests.join(GUEST).with_extension("wasm"), folder, certificate })
}

/// What came of a column.
struct Tried {
    column: &'static Column,
    hash: String,
    cells: Vec<Cell>,
    /// The inputs that were sent, and the requests that came through.
    smuggled: Option<Result<(usize, usize)>>,
}

async fn tried(machine: &Machine, column: &'static Column, options: &Options) -> Result<Tried> {
    let began = Instant::now();
    let front = column.start(machine).await.with_context(|| column.name.to_owned())?;
    let cells = cells(column, &front, options).await;
    let smuggled = match column.is_smuggled() && options.is_smuggling {
        true => Some(smuggling::smuggle(&front).await),
        false => None,
    };
    let hash = sha256(&front.windhover.folder.join("conformance.wasm"))?;
    eprintln!("fronts: {}: {:.1} s", column.name, began.elapsed().as_secs_f64());
    Ok(Tried { column, hash, cells, smuggled })
}

/// The cells of a column. Those that look at memory come when nothing else goes on.
async fn cells(column: &'static Column, front: &Front, options: &Options) -> Vec<Cell> {
    let chosen = |row: &&Row| options.row.as_deref().is_none_or(|words| row.sentence.contains(words));
    let together = ROWS.iter().map(|row| async move {
        if row.is_alone() || !chosen(&row) { Cell::default() } else { cell(column, front, row).await }
    });
    let mut cells = join_all(together).await;
    for (cell_of, row) in cells.iter_mut().zip(ROWS).filter(|(_, row)| row.is_alone() && chosen(row)) {
        *cell_of = cell(column, front, row).await;
    }
    cells
}

async fn cell(column: &'static Column, front: &Front, row: &'static Row) -> Cell {
    let mut cell = Cell::default();
    for version in column.versions.iter().filter(|version| row.versions.contains(version)) {
        let limit = limits::limit(column.name, row.sentence, *version);
        // What is not expected to come is not waited for as long.
        let time = if limit.is_some() { LIMIT / 20 } else { LIMIT };
        let mut outcome = attempt(front, row, *version, time).await;
        // Another program may have been slow once. What is really otherwise is so twice.
        let is_expected = limit.map_or(outcome.is_ok(), |limit| limit.is_sometimes || outcome.is_err());
        if !is_expected {
            eprintln!("fronts: {}, {}: {}: once more", column.name, version.name(), row.sentence);
            outcome = attempt(front, row, *version, time).await;
        }
        match (outcome, limit) {
            (Ok(()), None) => cell.ok(*version),
            (Ok(()), Some(limit)) if !limit.is_sometimes => {
                let told = format!("it holds now; take it from limits.rs: {}", limit.reason);
                cell.failed(column.name, row.sentence, *version, &told);
            }
            (_, Some(limit)) => cell.limited(*version, limit),
            (Err(error), None) => cell.failed(column.name, row.sentence, *version, &format!("{error:#}")),
        }
    }
    cell
}

async fn attempt(front: &Front, row: &Row, version: Version, time: Duration) -> Result<()> {
    match tokio::time::timeout(time, (row.behaviour)(front, version)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(anyhow::anyhow!("nothing came for {time:?}")),
    }
}

fn sha256(file: &Path) -> Result<String> {
    let output = Command::new("sha256sum").arg(file).output().context("sha256sum")?;
    let told = String::from_utf8(output.stdout)?;
    Ok(told.split(' ').next().unwrap_or_default().to_owned())
}

/// The module.
const GUEST: &str = "conformance";

/// Far longer than any of them takes.
const LIMIT: Duration = Duration::from_secs(30);
