//! The configuration: `windhover.toml`, what flags and environment variables say instead, and what it means together.
//!
//! A mistake is told with its file, line, key, value and remedy, and all of one kind are told at once: that it is no
//! TOML, then keys that mean nothing, then values of the wrong type, then what cannot be meant.

pub mod file;
pub(crate) mod meaning;
pub mod mistake;
pub mod text;
pub mod units;
mod unknown;
mod words;

use std::path::{Path, PathBuf};

use file::File;
use mistake::{Mistake, Mistakes};
use text::Text;

use crate::loader::FileStamp;
use crate::route::{HostPattern, Route};

/// A configuration that can be meant.
#[derive(Debug)]
pub struct Config {
    /// The file, with its defaults filled in, its paths anchored at its folder, and what flags say instead.
    pub written: File,
    /// Hosts that are answered. Empty: every host.
    pub hosts: Vec<HostPattern>,
    /// What leads to each app, by its name.
    pub routes: Vec<(String, Vec<Route>)>,
    /// `None`: there is no file.
    pub text: Option<Text>,
    /// Keys that a flag or the environment has set, with dots, and what did.
    pub overridden: Vec<(String, String)>,
}

impl Config {
    /// The configuration in a file.
    pub fn read(file: &Path) -> Result<Self, Mistakes> {
        let (written, text) = read(file)?;
        Self::meant(written, Some(text), Vec::new())
    }

    /// One app, with all limits and grants as they are by default.
    pub fn of_app(component: &Path) -> Result<Self, Mistakes> {
        let apps = [(app_name(component), file::App::new(component.to_owned()))].into();
        Self::meant(File { apps, ..File::default() }, None, Vec::new())
    }

    /// What `written` means. `overridden`: keys that something other than the file has set, with dots, and what did.
    pub fn meant(written: File, text: Option<Text>, overridden: Vec<(String, String)>) -> Result<Self, Mistakes> {
        let meaning = meaning::meaning(&written, text.as_ref())?;
        Ok(Self { written, hosts: meaning.hosts, routes: meaning.routes, text, overridden })
    }

    /// What the file is like now.
    pub(crate) fn look(&self) -> FileStamp {
        FileStamp::of(self.text.as_ref().map(|text| &text.file))
    }

    /// The keys that are not as in `other` and take effect at the start only.
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
        self.text.as_ref().map(|text| text.file.as_path())
    }
}

/// The file as it is written, with its paths anchored at its folder.
pub fn read(file: &Path) -> Result<(File, Text), Mistakes> {
    let text = Text::read(file)?;
    let table = text.table()?;
    let schema = serde_json::to_value(schema()).expect("a schema is JSON");
    Mistakes::unless_none(unknown::unknown_keys(&text, table.get_ref(), &schema))?;
    let mut written: File = toml::from_str(&text.text).map_err(|error| text.mistake_of(&error))?;
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    let empty: Vec<Mistake> = written
        .apps
        .iter()
        .filter(|(_, app)| app.component.as_os_str().is_empty())
        .map(|(name, _)| {
            let path = [text::Step::Key("apps"), text::Step::Key(name), text::Step::Key("component")];
            let problem = "it is empty; write the path of a .wasm component".to_owned();
            Mistake { place: text.place_of(&path), key: text::dotted(&path), problem }
        })
        .collect();
    Mistakes::unless_none(empty)?;
    drop(table);
    meaning::anchor(&mut written, &folder);
    Ok((written, text))
}

/// The schema of the file: every key with its documentation, its default and its range.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}

/// An app without a name is called like its file, as far as names go.
pub fn app_name(component: &Path) -> String {
    let stem = component.file_stem().unwrap_or(component.as_os_str()).to_string_lossy();
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' };
    stem.chars().map(plain).collect()
}

/// The name that a configuration file has where none is given.
pub const FILE_NAME: &str = "windhover.toml";

/// What [`file::Server::cache`] says where nothing is kept.
pub const NO_CACHE: &str = "none";
