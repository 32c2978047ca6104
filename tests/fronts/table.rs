//! The table, for people.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::behaviours::ROWS;
use crate::client::Version;
use crate::limits::Limit;
use crate::restarts::Measured;

/// What came of a behaviour in a column.
#[derive(Default)]
pub(crate) struct Cell {
    ok: Vec<Version>,
    limited: Vec<(Version, &'static Limit)>,
    failed: usize,
}

impl Cell {
    pub(crate) fn ok(&mut self, version: Version) {
        self.ok.push(version);
    }

    pub(crate) fn limited(&mut self, version: Version, limit: &'static Limit) {
        self.limited.push((version, limit));
    }

    pub(crate) fn failed(&mut self, column: &str, sentence: &str, version: Version, reason: &str) {
        eprintln!("fronts: {column}, {}: it is not true that {sentence}: {reason}", version.name());
        self.failed += 1;
    }
}

#[derive(Default)]
pub(crate) struct Table {
    versions: Vec<(&'static str, String)>,
    columns: Vec<(&'static str, String, Vec<Cell>)>,
    /// The inputs that were sent, and the requests that came through.
    smuggled: Vec<(&'static str, usize, usize)>,
    restarted: Vec<Measured>,
    failed: usize,
}

impl Table {
    pub(crate) fn push(&mut self, name: &'static str, hash: String, cells: Vec<Cell>) {
        self.columns.push((name, hash, cells));
    }

    pub(crate) fn version(&mut self, proxy: &'static str, version: String) {
        self.versions.push((proxy, version));
    }

    pub(crate) fn smuggled(&mut self, column: &'static str, sent: usize, through: usize) {
        self.smuggled.push((column, sent, through));
    }

    pub(crate) fn restarted(&mut self, measured: Measured) {
        if let Some(first) = measured.failed.first() {
            let (column, count) = (measured.column, measured.failed.len());
            self.fail(&format!("{column}: {count} requests failed during restarts and swaps, first: {first}"));
        }
        self.restarted.push(measured);
    }

    pub(crate) fn fail(&mut self, reason: &str) {
        eprintln!("fronts: {reason}");
        self.failed += 1;
    }

    pub(crate) fn has_one_hash(&self) -> bool {
        self.columns.windows(2).all(|pair| pair[0].1 == pair[1].1)
    }

    pub(crate) fn failed(&self) -> usize {
        self.columns.iter().flat_map(|(.., cells)| cells).map(|cell| cell.failed).sum::<usize>() + self.failed
    }

    /// Puts the table between its marks in a file.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let (begin, end) = ("<!-- the table, by `just fronts --write` -->\n", "<!-- end -->");
        let written = fs::read_to_string(file).with_context(|| file.display().to_string())?;
        let (before, rest) = written.split_once(begin).context("the file has no marks")?;
        let (_, after) = rest.split_once(end).context("the file has no end mark")?;
        Ok(fs::write(file, format!("{before}{begin}{self}{end}{after}"))?)
    }

    /// The reasons of limits, each once.
    fn reasons(&self) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        for at in 0..ROWS.len() {
            for (.., cells) in &self.columns {
                for (_, limit) in &cells[at].limited {
                    if !reasons.contains(&limit.reason) {
                        reasons.push(limit.reason);
                    }
                }
            }
        }
        reasons
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reasons = self.reasons();
        let versions: Vec<String> = self.versions.iter().map(|(name, version)| format!("{name} {version}")).collect();
        writeln!(f, "With {}.\n", versions.join(", "))?;
        let names: Vec<&str> = self.columns.iter().map(|(name, ..)| *name).collect();
        writeln!(f, "| | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()))?;
        let hashes: Vec<String> = self.columns.iter().map(|(_, hash, _)| format!("`{}…`", &hash[..8])).collect();
        writeln!(f, "| SHA-256 of the module | {} |", hashes.join(" | "))?;
        for (at, row) in ROWS.iter().enumerate() {
            let mut line = format!("| {} |", row.sentence);
            for (.., cells) in &self.columns {
                let _ = write!(line, " {} |", text(&cells[at], &reasons));
            }
            writeln!(f, "{line}")?;
        }
        if !reasons.is_empty() {
            writeln!(f)?;
        }
        for (at, reason) in reasons.iter().enumerate() {
            writeln!(f, "{}. {reason}", at + 1)?;
        }
        if !self.smuggled.is_empty() {
            writeln!(f, "\n| inputs through | sent | requests passed on | requests answered |\n|---|---|---|---|")?;
        }
        for (column, sent, through) in &self.smuggled {
            writeln!(f, "| {column} | {sent} | {through} | {through} |")?;
        }
        if !self.restarted.is_empty() {
            writeln!(f, "\n| behind | restarts | swaps | requests | failed | took |\n|---|---|---|---|---|---|")?;
        }
        for one in &self.restarted {
            let (failed, took) = (one.failed.len(), one.took.as_secs());
            let Measured { column, restarts, swaps, requests, .. } = one;
            writeln!(f, "| {column} | {restarts} | {swaps} | {requests} | {failed} | {took} s |")?;
        }
        Ok(())
    }
}

fn text(cell: &Cell, reasons: &[&str]) -> String {
    let mut parts = Vec::new();
    if cell.failed > 0 {
        parts.push("FAILED".to_owned());
    }
    let is_all = cell.limited.is_empty();
    for version in &cell.ok {
        match (is_all, version) {
            (true, _) if parts.contains(&"yes".to_owned()) => {}
            (true, _) => parts.push("yes".to_owned()),
            (false, Version::Http1) => parts.push("h1 yes".to_owned()),
            (false, Version::Http2) => parts.push("h2 yes".to_owned()),
        }
    }
    for (version, limit) in &cell.limited {
        let number = reasons.iter().position(|other| *other == limit.reason).map_or(0, |at| at + 1);
        let version = match (cell.limited.len() > 1 || cell.ok.is_empty(), version) {
            (true, _) => "",
            (_, Version::Http1) => "h1 ",
            (_, Version::Http2) => "h2 ",
        };
        let no = if limit.is_sometimes { "not always" } else { "no" };
        let part = format!("{version}{no} ({number})");
        if !parts.contains(&part) {
            parts.push(part);
        }
    }
    if parts.is_empty() { "–".to_owned() } else { parts.join(", ") }
}
