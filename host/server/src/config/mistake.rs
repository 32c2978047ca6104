//! What is wrong with a configuration: the file, the line, the key, the value, and what to do.

use std::fmt;
use std::path::{Path, PathBuf};

/// All that is wrong with a configuration.
#[derive(Debug)]
pub struct Mistakes(Vec<Mistake>);

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where it stands. `None`: it came by a flag or the environment, or is about something that stands nowhere.
    pub place: Option<Place>,
    /// The key with dots, such as `apps.shop.routes`. Empty: the file as a whole.
    pub key: String,
    /// What is wrong, with the value, and what to do.
    pub problem: String,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
}

impl Place {
    /// The place of an octet of the file's text.
    pub fn at(file: &Path, text: &str, octet: usize) -> Self {
        let line = text.bytes().take(octet).filter(|octet| *octet == b'\n').count() + 1;
        Self { file: file.to_owned(), line }
    }
}

impl Mistakes {
    /// Nothing is wrong if there are none.
    pub fn unless_none(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        mistakes.sort_by_key(|mistake| mistake.place.as_ref().map(|place| place.line));
        if mistakes.is_empty() { Ok(()) } else { Err(Self(mistakes)) }
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match self.key.as_str() {
            "" => f.write_str(&self.problem),
            key => write!(f, "{key}: {}", self.problem),
        }
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
