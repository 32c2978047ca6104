//! The text of a configuration file, and where each key stands in it.

use std::fs;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, Place};
use super::words::plain;

/// The text of a file.
#[derive(Clone, Debug)]
pub struct Text {
    /// Where it was read.
    pub file: PathBuf,
    /// All of it.
    pub text: String,
}

/// A step into a table or an array.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// Into a table.
    Key(&'a str),
    /// Into a list.
    At(usize),
}

impl Text {
    /// Reads a file.
    pub fn read(file: &Path) -> Result<Self, Mistake> {
        let refuse = |problem| Mistake { place: None, key: String::new(), problem };
        let octets = fs::read(file).map_err(|reason| refuse(format!("cannot read {}: {reason}", file.display())))?;
        if octets.len() > MAX_SIZE {
            return Err(refuse(format!("{} is larger than 1 MiB, which no configuration is", file.display())));
        }
        let text = String::from_utf8(octets).map_err(|_| refuse(format!("{} is not UTF-8", file.display())))?;
        Ok(Self { file: file.to_owned(), text })
    }

    /// The tables in it. An error: it is not TOML.
    pub fn table(&self) -> Result<Spanned<DeTable<'_>>, Mistake> {
        DeTable::parse(&self.text).map_err(|error| self.mistake_of(&error))
    }

    /// What is wrong, in our form, and under its key.
    pub fn mistake_of(&self, error: &toml::de::Error) -> Mistake {
        let problem = plain(error.message());
        let Some(span) = error.span() else { return Mistake { place: None, key: String::new(), problem } };
        let table = DeTable::parse(&self.text).ok();
        let key = table.map(|table| dotted(&key_at(table.get_ref(), span.start))).unwrap_or_default();
        Mistake { place: Some(self.place(span.start)), key, problem }
    }

    /// The line of a byte.
    pub fn place(&self, octet: usize) -> Place {
        Place::at(&self.file, &self.text, octet)
    }

    /// Where a key stands; if it does not, the last of those before it that does.
    pub fn place_of(&self, path: &[Step<'_>]) -> Option<Place> {
        let table = DeTable::parse(&self.text).ok()?;
        let mut found = None;
        let mut here: Option<&DeValue<'_>> = None;
        for (depth, step) in path.iter().enumerate() {
            let next = match step {
                Step::Key(key) => {
                    let table = if depth == 0 { Some(table.get_ref()) } else { here.and_then(DeValue::as_table) };
                    table.and_then(|table| table.get_key_value(*key)).map(|(key, value)| (key.span().start, value))
                }
                Step::At(index) => {
                    let item = here.and_then(DeValue::as_array).and_then(|array| array.get(*index));
                    item.map(|item| (item.span().start, item))
                }
            };
            let Some((start, value)) = next else { break };
            (found, here) = (Some(start), Some(value.get_ref()));
        }
        found.map(|octet| self.place(octet))
    }

    /// Whether a key stands in the file.
    pub fn has(&self, path: &[&str]) -> bool {
        let Ok(table) = DeTable::parse(&self.text) else { return false };
        let Some((first, rest)) = path.split_first() else { return true };
        let first = table.get_ref().get(*first).map(Spanned::get_ref);
        rest.iter()
            .try_fold(first, |here, key| {
                let next = here?.as_table()?.get(*key).map(Spanned::get_ref);
                next.is_some().then_some(next)
            })
            .flatten()
            .is_some()
    }
}

/// The keys that lead to what stands at an octet.
fn key_at<'a>(table: &'a DeTable<'_>, octet: usize) -> Vec<Step<'a>> {
    for (key, value) in table {
        if key.span().contains(&octet) {
            return vec![Step::Key(key.get_ref())];
        }
        let inner = match value.get_ref() {
            DeValue::Table(inner) => key_at(inner, octet),
            DeValue::Array(items) => {
                let inner = items.iter().enumerate().find_map(|(index, item)| {
                    match item.get_ref() {
                        DeValue::Table(table) => Some(key_at(table, octet)).filter(|path| !path.is_empty()),
                        _ => item.span().contains(&octet).then(Vec::new),
                    }
                    .map(|path| [vec![Step::At(index)], path].concat())
                });
                inner.unwrap_or_default()
            }
            _ => Vec::new(),
        };
        if !inner.is_empty() || value.span().contains(&octet) {
            return [vec![Step::Key(key.get_ref())], inner].concat();
        }
    }
    Vec::new()
}

/// A path of keys as it is told: with dots, and quotes where TOML needs them.
pub fn dotted(path: &[Step<'_>]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::At(index) => text.push_str(&format!("[{index}]")),
            Step::Key(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                let is_bare = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
                if !key.is_empty() && key.chars().all(is_bare) {
                    text.push_str(key);
                } else {
                    text.push_str(&format!("{key:?}"));
                }
            }
        }
    }
    text
}

/// Far more than anybody writes by hand.
const MAX_SIZE: usize = 1 << 20;
