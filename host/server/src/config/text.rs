//! The text of a configuration file, and where each key stands in it.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};

/// The text of a file.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it was read.
    pub file: PathBuf,
    /// All of it.
    pub text: String,
}

/// A step into a table or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into a table.
    Key(String),
    /// Into a list.
    At(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl Text {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, Mistake> {
        let refuse = |problem| Mistake { place: None, key: String::new(), problem };
        let bytes = fs::read(file).map_err(|reason| refuse(format!("cannot read {}: {reason}", file.display())))?;
        if bytes.len() > MAX_SIZE {
            return Err(refuse(format!("{} is larger than 1 MiB, which no configuration is", file.display())));
        }
        let text = String::from_utf8(bytes).map_err(|_| refuse(format!("{} is not UTF-8", file.display())))?;
        Ok(Self { file: file.to_owned(), text })
    }

    /// The tables in it. An error: it is not TOML.
    pub(crate) fn table(&self) -> Result<Spanned<DeTable<'_>>, Mistake> {
        DeTable::parse(&self.text).map_err(|error| Mistake {
            place: error.span().map(|span| self.place(span.start)),
            key: String::new(),
            problem: error.message().trim().replace('\n', "; "),
        })
    }

    /// The line of a byte.
    pub fn place(&self, byte: usize) -> Place {
        let line = self.text.bytes().take(byte).filter(|byte| *byte == b'\n').count() + 1;
        Place::Line { file: self.file.clone(), line }
    }

    /// Where a key stands, and whether all of it does; if not, where the last of those before it does.
    pub(crate) fn find(&self, path: &[Step]) -> (Option<Place>, bool) {
        let Ok(table) = DeTable::parse(&self.text) else { return (None, false) };
        let mut found = None;
        let mut here: Option<&DeValue<'_>> = None;
        for (depth, step) in path.iter().enumerate() {
            let next = match step {
                Step::Key(key) => {
                    let table = if depth == 0 { Some(table.get_ref()) } else { here.and_then(DeValue::as_table) };
                    table
                        .and_then(|table| table.get_key_value(key.as_str()))
                        .map(|(key, value)| (key.span().start, value))
                }
                Step::At(index) => {
                    let item = here.and_then(DeValue::as_array).and_then(|array| array.get(*index));
                    item.map(|item| (item.span().start, item))
                }
            };
            let Some((start, value)) = next else { return (found.map(|byte| self.place(byte)), false) };
            (found, here) = (Some(start), Some(value.get_ref()));
        }
        (found.map(|byte| self.place(byte)), true)
    }
}

/// A path as errors show it: with dots, and quotes where TOML needs them.
pub(crate) struct Dotted<'a>(pub(crate) &'a [Step]);

impl fmt::Display for Dotted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::At(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
                    match !key.is_empty() && key.chars().all(is_bare) {
                        true => f.write_str(key)?,
                        false => write!(f, "{key:?}")?,
                    }
                }
            }
        }
        Ok(())
    }
}

/// Far more than anybody writes by hand.
const MAX_SIZE: usize = 1 << 20;
