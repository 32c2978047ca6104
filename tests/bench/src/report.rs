//! What was measured, as text for the documentation and as a chart.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::Context;

use crate::table::Table;

/// The text, which grows as figures come, and is printed at once.
#[derive(Default)]
pub(crate) struct Report(String);

impl Report {
    pub(crate) fn say(&mut self, text: impl std::fmt::Display) {
        println!("{text}");
        let _ = writeln!(self.0, "{text}"); // a string takes everything
    }

    /// Puts it into a file, between the lines that mark its place: by this command.
    pub(crate) fn write(&self, file: &Path, command: &str) -> anyhow::Result<()> {
        let begin = &*format!("<!-- what follows is written by `{command}` -->");
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let marked = text.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
        let (before, behind) = marked.with_context(|| format!("{} has no place for figures", file.display()))?;
        fs::write(file, format!("{before}{begin}\n{}\n{END}{behind}", self.0.trim()))?;
        Ok(())
    }
}

/// What was measured, where and when.
pub(crate) fn circumstances() -> String {
    let first = |file: &str, key: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        line.trim_start_matches(['\t', ' ', ':']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let date = httpdate::fmt_http_date(SystemTime::now());
    format!(
        "Windhover {}, {cores} cores of {}, Linux {}, {}.",
        env!("CARGO_PKG_VERSION"),
        first("/proc/cpuinfo", "model name"),
        kernel.trim(),
        &date[5..16],
    )
}

/// A bar for each server: processor time per request, as a ratio to the first one's.
pub(crate) fn chart(table: &Table) -> String {
    let rows = table.ratios();
    let longest = rows.iter().map(|(_, ratio)| *ratio).fold(1.0, f64::max).min(CUT);
    let height = ROW * rows.len() + 40;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"22\" font-weight=\"bold\">Processor time per request, in times of native hyper's (less is \
         better)</text>\n"
    );
    for (at, (name, ratio)) in rows.iter().enumerate() {
        let (y, width) = (40 + at * ROW, (ratio.min(CUT) / longest * WIDEST).max(1.0));
        let color = match *name {
            name if name.contains("wasmtime serve") => "#b0783c",
            name if name.contains("native") || name.contains("nginx") => "#888888",
            _ => "#2f6f9f",
        };
        let _ = writeln!(
            svg,
            "<text x=\"330\" y=\"{}\" text-anchor=\"end\">{name}</text><rect x=\"340\" y=\"{y}\" width=\"{width:.0}\" \
             height=\"16\" fill=\"{color}\"/><text x=\"{:.0}\" y=\"{}\">{}{ratio:.2}</text>",
            y + 13,
            width + 346.0,
            y + 13,
            if *ratio > CUT { "… " } else { "" },
        );
    }
    svg + "</svg>\n"
}

const END: &str = "<!-- end -->";

/// Longer bars are cut, so that the others can be told apart.
const CUT: f64 = 20.0;

const ROW: usize = 24;
const WIDEST: f64 = 460.0;
