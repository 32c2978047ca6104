//! Caches compiled guests on disk. A guest in JavaScript or Python takes seconds to compile, and milliseconds to load.
//!
//! Machine code cannot be verified, so its origin has to be trusted: it is loaded only from a folder and a file that no
//! other user can write, and only if it is byte for byte what was stored. Otherwise the file is removed, the log says
//! why, and the guest is compiled again. A cache that cannot be used costs time and nothing else.
//!
//! Notes stand beside the code. The note of an app's file holds the facts about its component; the note of a file of
//! code says that the code was verified. A note is valid while its file is unchanged, and then the file is not read.

mod error;
mod folder;
mod stamp;

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::component::Facts;
use crate::component::code::{Code, Whole, digest};
use crate::component::precompiled;
use folder::Folder;

pub use error::CacheError;
pub(crate) use stamp::Stamp;

/// A folder of compiled guests.
pub struct Cache(Folder);

impl Cache {
    /// The cache in `folder`, which is made for this user alone if it does not exist.
    pub fn at(folder: &Path) -> Result<Self, CacheError> {
        Folder::open(folder).map(Self)
    }

    /// The compiled form of a component, if it is cached and can be trusted.
    pub(crate) fn get(&self, engine: &Engine, facts: &Facts) -> Option<Component> {
        let name = name(engine, facts);
        self.load(engine, &name)
            .inspect_err(|reason| {
                warn!("cannot use the cached guest {name}: {reason}");
                self.0.remove(&name);
            })
            .ok()
            .flatten()
    }

    fn load(&self, engine: &Engine, name: &str) -> Result<Option<Component>, String> {
        let Some(entry) = self.0.open_file(name)? else { return Ok(None) };
        let stamp = entry.file.metadata().ok().as_ref().and_then(Stamp::of_own);
        let is_known = stamp.clone().is_some_and(|stamp| self.note(name) == Some(Note { stamp, content: () }));
        let whole = Whole::stored(entry.file, is_known).map_err(|error| error.to_string())?;
        let whole = whole.ok_or("it was damaged or changed after it was stored")?;
        if !is_known {
            self.write_note(name, stamp, ());
        }
        let component = precompiled::load(engine, &Code::new(&whole, &entry.private));
        component.map(Some).map_err(|error| format!("{error:#}"))
    }

    /// Stores the compiled form of a component. If this fails, the next start takes longer.
    pub(crate) fn put(&self, component: &Component, facts: &Facts) {
        let name = name(component.engine(), facts);
        let stored = component
            .serialize()
            .map_err(|error| error.to_string())
            .and_then(|code| self.0.write(&name, &[&code, &digest(&code)]).map_err(|error| error.to_string()));
        match stored {
            Ok(file) => {
                self.write_note(&name, file.metadata().ok().as_ref().and_then(Stamp::of_own), ());
                debug!("cached the compiled guest as {name}");
            }
            Err(error) => warn!("cannot cache the compiled guest: {error}"),
        }
    }

    /// The facts about the component in a file that is unchanged since [`Cache::remember`].
    pub(crate) fn recall(&self, file: &Path) -> Option<Facts> {
        let note: Note<Facts> = self.note(&key(file)?)?;
        // The file is opened, because it must be readable, and because a network file system reports the current state
        // of an open file, but perhaps a cached one for a name.
        let stamp = Stamp::of(&File::open(file).ok()?.metadata().ok()?)?;
        (note.stamp == stamp).then_some(note.content)
    }

    /// Stores the facts about the component in a file. The stamp was taken before the file was read.
    pub(crate) fn remember(&self, file: &Path, stamp: Stamp, facts: &Facts) {
        if let Some(key) = key(file) {
            self.write_note(&key, Some(stamp), facts);
        }
    }

    /// What was noted. What cannot be read was not.
    fn note<T: DeserializeOwned>(&self, key: &str) -> Option<Note<T>> {
        let entry = self.0.open_file(&note_name(key)).ok()??;
        let mut text = Vec::new();
        entry.file.take(MAX_NOTE).read_to_end(&mut text).ok()?;
        serde_json::from_slice(&text).ok()
    }

    fn write_note(&self, key: &str, stamp: Option<Stamp>, content: impl Serialize) {
        let Some(stamp) = stamp else { return };
        let note = serde_json::to_vec(&Note { stamp, content }).map_err(io::Error::from);
        if let Err(error) = note.and_then(|note| self.0.write(&note_name(key), &[&note])) {
            debug!("cannot store a note in the cache, so the next start reads its file again: {error}");
        }
    }
}

/// What was found when a file was like this.
#[derive(PartialEq, Serialize, Deserialize)]
struct Note<T> {
    stamp: Stamp,
    content: T,
}

/// Under what an app's file is noted. Its name may lead elsewhere next time, and then the stamp is another one.
fn key(file: &Path) -> Option<String> {
    let path = std::path::absolute(file).ok()?;
    Some(format!("{}-{}", blake3::hash(path.as_os_str().as_encoded_bytes()).to_hex(), env!("CARGO_PKG_VERSION")))
}

fn note_name(key: &str) -> String {
    format!("{key}.note")
}

/// Depends on all that the machine code depends on: the component, wasmtime's version, its settings, the processor.
fn name(engine: &Engine, facts: &Facts) -> String {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    env!("CARGO_PKG_VERSION").hash(&mut settings);
    format!("{}-{:016x}.cwasm", facts.digest, settings.finish())
}

/// A component with more names than fit is read at each start.
const MAX_NOTE: u64 = 1 << 20;

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_is_known_until_it_changes_whatever_it_says_of_its_time() {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let cache = Cache::at(&folder.path().join("cache")).expect("the folder is new");
        let app = folder.path().join("app.wasm");
        let look = || fs::metadata(&app).expect("it is there");
        let facts = |binary: &[u8]| Facts::read(binary, &app).expect("it is a component");
        let [one, two] = [b"\0asm\x0d\0\x01\0\0\x02\x01a", b"\0asm\x0d\0\x01\0\0\x02\x01b"];
        fs::write(&app, one).expect("it can be written");
        assert_eq!(cache.recall(&app), None);

        cache.remember(&app, Stamp::of(&look()).expect("this system tells"), &facts(one));
        assert_eq!(cache.recall(&app), Some(facts(one)));
        assert_eq!(cache.recall(&folder.path().join("other.wasm")), None);

        let modified = look().modified().expect("it has a time");
        fs::write(&app, two).expect("it can be written");
        File::options().write(true).open(&app).and_then(|file| file.set_modified(modified)).expect("it is ours");
        assert_eq!((look().len(), look().modified().expect("it has a time")), (one.len() as u64, modified));
        assert_eq!(cache.recall(&app), None);

        cache.remember(&app, Stamp::of(&look()).expect("this system tells"), &facts(two));
        assert_eq!(cache.recall(&app), Some(facts(two)));
    }
}
