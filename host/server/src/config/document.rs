//! The configuration as a document: the file, and over it what flags and environment variables set. Each value knows where
//! it comes from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::file::{App, File, NO_CACHE};
use super::mistake::{Mistake, Mistakes, Place};
use super::schema::Keys;
use super::text::{Dotted, Step, Text};
use super::unknown::unknown_keys;
use super::values::{self, Wrong};

/// A configuration that is being put together.
#[derive(Debug, Default)]
pub struct Document {
    table: Table,
    origins: Origins,
}

/// Where values come from.
#[derive(Debug, Default)]
pub struct Origins {
    /// `None`: there is no file.
    text: Option<Text>,
    /// What was set over the file: the key, and the name of the flag or variable.
    set: Vec<(Vec<Step>, String)>,
}

impl Document {
    /// A file as it is written. An error: it is no TOML, or has keys that mean nothing.
    pub fn read(file: &Path) -> Result<Self, Mistakes> {
        let text = Text::read(file)?;
        let spanned = text.table()?;
        Mistakes::unless_none(unknown_keys(&text, spanned.get_ref(), Keys::new().root()))?;
        let table = parsed(&text);
        drop(spanned);
        Ok(Self { table, origins: Origins { text: Some(text), set: Vec::new() } })
    }

    /// What stands at a key.
    pub fn get(&self, key: &[&str]) -> Option<&Value> {
        let (first, rest) = key.split_first()?;
        rest.iter().try_fold(self.table.get(*first)?, |value, key| value.get(key))
    }

    /// Sets a key. `origin`: the flag or variable that says so. `None`: the command itself, which needs no mention.
    pub fn set(&mut self, key: &[&str], value: impl Into<Value>, origin: Option<&str>) {
        let Some((last, tables)) = key.split_last() else { return };
        let mut table = &mut self.table;
        for name in tables {
            let inner = table.entry(*name).or_insert_with(|| Table::new().into());
            if !inner.is_table() {
                *inner = Table::new().into(); // the file's own value there is of the wrong type
            }
            table = inner.as_table_mut().expect("it has been made one");
        }
        table.insert((*last).to_owned(), value.into());
        if let Some(origin) = origin {
            self.origins.set.push((key.iter().map(|key| Step::from(*key)).collect(), origin.to_owned()));
        }
    }

    /// Sets a key to a path that starts at the working folder, and not at the folder of the file as those in it do.
    pub fn set_path(&mut self, key: &[&str], path: &Path, origin: Option<&str>) -> anyhow::Result<()> {
        self.set(key, self.path(path)?, origin);
        Ok(())
    }

    /// A path of the working folder as a value of this document.
    pub fn path(&self, path: &Path) -> anyhow::Result<String> {
        let folder = self.origins.folder();
        let path = if folder.as_os_str().is_empty() { path.to_owned() } else { std::path::absolute(path)? };
        path.into_os_string()
            .into_string()
            .map_err(|path| anyhow::anyhow!("{} is not UTF-8, as a configuration has to be", path.display()))
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &[&str]) {
        let Some((last, tables)) = key.split_last() else { return };
        let table = tables.iter().try_fold(&mut self.table, |table, key| table.get_mut(*key)?.as_table_mut());
        if let Some(table) = table {
            table.remove(*last);
        }
    }

    /// The types that the file has, its paths anchored at its folder. An error: a value of the wrong type.
    pub(super) fn finish(self) -> Result<(File, Origins), Mistakes> {
        let mut written = self.types().map_err(|wrong| wrong.mistake(&self.origins, &Keys::new()))?;
        Mistakes::unless_none(without_component(&written, &self.origins))?;
        anchor(&mut written, &self.origins.folder());
        Ok((written, self.origins))
    }

    pub(super) fn types(&self) -> Result<File, Wrong> {
        values::read(&Value::Table(self.table.clone()))
    }
}

/// Reads a file of other types as a configuration is read, with the same errors.
pub fn read<T: DeserializeOwned + JsonSchema>(text: &Text) -> Result<T, Mistakes> {
    let spanned = text.table()?;
    let keys = Keys::of::<T>();
    Mistakes::unless_none(unknown_keys(text, spanned.get_ref(), keys.root()))?;
    let origins = Origins { text: Some(text.clone()), set: Vec::new() };
    values::read(&Value::Table(parsed(text))).map_err(|wrong| wrong.mistake(&origins, &keys).into())
}

fn parsed(text: &Text) -> Table {
    text.text.parse().expect("it has been read as TOML before")
}

impl Wrong {
    fn mistake(&self, origins: &Origins, keys: &Keys) -> Mistake {
        let (place, key) = (origins.place_of(&self.path), Dotted(&self.path).to_string());
        Mistake { place, key, problem: self.message(keys.root()) }
    }
}

impl Origins {
    /// Where a key stands; if it does not, where the last of those before it does.
    pub(crate) fn place_of(&self, path: &[Step]) -> Option<Place> {
        self.set_by(path).or_else(|| self.text.as_ref()?.find(path).0)
    }

    /// What says the value of a key. `None`: it is a default.
    pub fn of(&self, path: &[Step]) -> Option<Place> {
        self.set_by(path).or_else(|| {
            let (place, is_whole) = self.text.as_ref()?.find(path);
            place.filter(|_| is_whole)
        })
    }

    /// The file.
    pub fn source(&self) -> Option<&Path> {
        self.text.as_ref().map(|text| text.file.as_path())
    }

    fn set_by(&self, path: &[Step]) -> Option<Place> {
        let (_, origin) = self.set.iter().rev().find(|(key, _)| path.starts_with(key))?;
        Some(Place::Set(origin.clone()))
    }

    fn folder(&self) -> PathBuf {
        self.source().and_then(Path::parent).map_or_else(PathBuf::new, Path::to_owned)
    }
}

/// An app of the file needs a component; one without a file is the welcome page, which only a command can ask for.
fn without_component(file: &File, origins: &Origins) -> Vec<Mistake> {
    let empty = file.apps.iter().filter(|(_, app)| app.component.as_os_str().is_empty());
    let mistake = |(name, _): (&String, &App)| {
        let path = [Step::from("apps"), Step::from(name.as_str()), Step::from("component")];
        let place = origins.of(&path)?;
        let problem = "it is empty; write the path of a .wasm component".to_owned();
        Some(Mistake { place: Some(place), key: Dotted(&path).to_string(), problem })
    };
    empty.filter_map(mistake).collect()
}

/// Makes the paths in a file start at its folder.
fn anchor(file: &mut File, folder: &Path) {
    let within = |path: &mut PathBuf| {
        if !path.as_os_str().is_empty() {
            *path = folder.join(&*path);
        }
    };
    let each = |path: &mut Option<PathBuf>| path.iter_mut().for_each(within);
    if file.server.cache.as_deref() != Some(Path::new(NO_CACHE)) {
        each(&mut file.server.cache);
    }
    for tls in file.endpoints.values_mut().filter_map(|endpoint| endpoint.tls.as_mut()) {
        each(&mut tls.certificate);
        each(&mut tls.key);
        each(&mut tls.password_file);
        each(&mut tls.client_ca);
        for certificate in tls.names.values_mut() {
            within(&mut certificate.certificate);
            each(&mut certificate.key);
            each(&mut certificate.password_file);
        }
    }
    if let Some(traces) = &mut file.traces {
        traces.fields.values_mut().for_each(|secret| each(&mut secret.file));
    }
    for app in file.apps.values_mut() {
        within(&mut app.component);
        app.middleware.iter_mut().for_each(within);
        each(&mut app.grants.files);
        each(&mut app.grants.outbound_authorities);
        app.grants.secrets.values_mut().for_each(|secret| each(&mut secret.file));
        app.grants.folders.values_mut().for_each(|folder| within(&mut folder.path));
    }
}
