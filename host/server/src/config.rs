//! The configuration: `windhover.toml`, what flags and environment variables set over it, and what the values mean together.
//!
//! An error names the file and line, or the flag, and the key, and says what to write instead. All errors of one kind are
//! reported together: invalid TOML, then unknown keys, then values of the wrong type (the first), then what does not go
//! together.

mod document;
pub mod file;
pub mod mistake;
pub mod schema;
pub mod text;
pub mod units;
mod unknown;
pub(crate) mod validate;
mod values;

use std::path::Path;

pub use document::{Document, Origins, read};
use file::File;
use mistake::Mistakes;
use toml::Value;

use crate::route::{HostPattern, Route};

/// A checked configuration.
#[derive(Debug)]
pub struct Config {
    /// The values, with defaults filled in and paths anchored at the folder of the file.
    pub written: File,
    /// Hosts that the server answers to. Empty: every host.
    pub hosts: Vec<HostPattern>,
    /// The routes of each app, by its name.
    pub routes: Vec<(String, Vec<Route>)>,
    /// Where its values come from.
    pub origins: Origins,
}

impl Config {
    /// The configuration in a file.
    pub fn read(file: &Path) -> Result<Self, Mistakes> {
        Self::of(Document::read(file)?)
    }

    /// The configuration in a document. An error: what is wrong with it, of one kind: a value of the wrong type, or all that
    /// does not go together.
    pub fn of(document: Document) -> Result<Self, Mistakes> {
        let (written, origins) = document.finish()?;
        Self::validated(written, origins)
    }

    /// One app with default limits and no grants.
    pub fn of_app(component: &Path) -> Result<Self, Mistakes> {
        let apps = [(app_name(component), file::App::new(component.to_owned()))].into();
        Self::validated(File { apps, ..File::default() }, Origins::default())
    }

    fn validated(written: File, origins: Origins) -> Result<Self, Mistakes> {
        let validated = validate::validate(&written, &origins)?;
        Ok(Self { written, hosts: validated.hosts, routes: validated.routes, origins })
    }

    /// The keys that differ from `other` and take effect at the start only.
    pub(crate) fn needs_restart(&self, other: &Self) -> Vec<&'static str> {
        let (own, other) = (&self.written, &other.written);
        let lasting = |server: &file::Server| file::Server {
            hosts: Vec::new(),
            pre_stop_delay: units::Time(std::time::Duration::ZERO),
            watch_interval: units::Time(std::time::Duration::ZERO),
            ..server.clone()
        };
        let changed = [
            ("server", lasting(&own.server) != lasting(&other.server)),
            ("log", own.log != other.log),
            ("limits", own.limits != other.limits),
            ("admin", own.admin != other.admin),
            ("traces", own.traces != other.traces),
        ];
        changed.into_iter().filter(|(_, has_changed)| *has_changed).map(|(key, _)| key).collect()
    }

    /// The file that it was read from.
    pub fn source(&self) -> Option<&Path> {
        self.origins.source()
    }
}

/// Whether a value could stand at a key with dots, whatever else the configuration says. An error: what it takes instead.
pub fn check(key: &str, value: Value) -> Result<(), String> {
    let mut document = Document::default();
    let path: Vec<&str> = key.split('.').collect();
    // Such a table requires these keys.
    match path.as_slice() {
        ["apps", name, ..] => document.set(&["apps", name, "component"], "", None),
        ["endpoints", name, ..] => document.set(&["endpoints", name, "url"], "", None),
        _ => {}
    }
    document.set(&path, value, None);
    document.types().map(drop).map_err(|wrong| wrong.message(schema::Keys::new().root()))
}

/// The name of an app that is given by its file alone: the file's name, with `-` for characters that names cannot have.
pub fn app_name(component: &Path) -> String {
    let stem = component.file_stem().unwrap_or(component.as_os_str()).to_string_lossy();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    stem.chars().map(plain).collect()
}

/// The default name of a configuration file.
pub const FILE_NAME: &str = "windhover.toml";
