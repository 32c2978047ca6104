//! Errors of a configuration: the file, the line, the key, the value, and how to fix it.

use std::fmt;
use std::path::PathBuf;

/// The errors of a configuration.
#[derive(Debug)]
pub struct Mistakes(Vec<Mistake>);

/// An error of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value comes from. `None`: it comes from nowhere, because something is missing.
    pub place: Option<Place>,
    /// The key with dots, such as `apps.shop.routes`. Empty: the file as a whole.
    pub key: String,
    /// What is wrong, with the value, and how to fix it.
    pub problem: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file.
    Line {
        /// Its path.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A flag or an environment variable, by its name.
    Set(String),
}

impl Mistakes {
    /// `Ok` if there are none.
    pub fn unless_none(mut mistakes: Vec<Mistake>) -> Result<(), Self> {
        mistakes.sort_by_key(|mistake| match mistake.place {
            Some(Place::Line { line, .. }) => line,
            Some(Place::Set(_)) | None => 0,
        });
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
        match self {
            Self::Line { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Set(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        match (self.key.as_str(), &self.place) {
            // A flag or a variable has one key, and its name says which.
            ("", _) | (_, Some(Place::Set(_))) => f.write_str(&self.problem),
            (key, _) => write!(f, "{key}: {}", self.problem),
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
