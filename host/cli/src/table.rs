//! Tables as commands print them: plain ASCII, in a terminal of 100 columns. The last column wraps.
//!
//! Not a crate: those that were looked at draw borders or measure the terminal, and continue a broken line without the
//! indent that tells it from the next line.

use std::fmt::{self, Write};

/// Rows whose columns stand below each other.
pub(crate) struct Table<const N: usize> {
    widths: [usize; N],
    lines: Vec<String>,
}

impl<const N: usize> Table<N> {
    /// The columns before the last one have these widths.
    pub(crate) fn new(widths: [usize; N]) -> Self {
        Self { widths, lines: Vec::new() }
    }

    /// A row. Several lines of its last column stand below each other.
    pub(crate) fn row(&mut self, cells: [&str; N], lines: impl IntoIterator<Item = impl AsRef<str>>) {
        let label = |cells: [&str; N]| {
            let mut label = String::new();
            for (cell, width) in cells.iter().zip(self.widths) {
                let _ = write!(label, "  {cell:width$}"); // a string takes everything
            }
            label
        };
        let width = WIDTH - label([""; N]).len() - INDENT.len();
        let mut labels = std::iter::once(label(cells)).chain(std::iter::repeat_with(|| label([""; N])));
        let wrapped = lines.into_iter().flat_map(|line| wrapped(line.as_ref(), width));
        let rows = wrapped.map(|line| format!("{}  {line}", labels.next().unwrap_or_default()));
        let rows: Vec<String> = rows.collect();
        self.lines.extend(rows);
    }

    /// An empty line.
    pub(crate) fn gap(&mut self) {
        self.lines.push(String::new());
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// The lines of a long line, broken at spaces. What has none stays in one.
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split_inclusive(' ') {
        let last = lines.last_mut().expect("there is one from the start");
        if last.is_empty() || last.len() + word.trim_end().len() <= width {
            last.push_str(word);
        } else {
            lines.push(format!("{INDENT}{word}"));
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

const WIDTH: usize = 100;

/// Tells a broken line from the next.
const INDENT: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_below_their_column() {
        let mut table = Table::new([4, 5]);
        table.row(["good", "a"], ["one", &"word ".repeat(25)]);
        table.row(["", "b"], ["two"]);
        let words = |count: usize| "word ".repeat(count).trim_end().to_owned();
        let expected = format!("  good  a      one\n{:15}{}\n{:17}{}\n        b      two", "", words(17), "", words(8));
        assert_eq!(table.to_string(), expected);
    }
}
