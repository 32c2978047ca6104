//! Elsewhere: the user's own profile folder, which the system protects.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::MAX_SIZE;
use crate::CacheError;

/// A folder in the user's profile.
pub(in crate::cache) struct Folder(PathBuf);

impl Folder {
    pub(in crate::cache) fn open(path: &Path) -> Result<Self, CacheError> {
        fs::create_dir_all(path).map_err(|reason| CacheError::Io { folder: path.into(), reason })?;
        Ok(Self(path.into()))
    }

    /// `Ok(None)`: there is no such file. `Err`: there is, and it cannot be read.
    pub(in crate::cache) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        match fs::read(self.0.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Stores a file whole or not at all.
    pub(in crate::cache) fn write(&self, name: &str, pieces: &[&[u8]]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let draft = self.0.join(format!("{name}.{}-{number}", std::process::id()));
        let mut file = fs::File::options().write(true).create_new(true).open(&draft)?;
        let written = pieces.iter().try_for_each(|piece| file.write_all(piece));
        drop(file);
        let stored = written.and_then(|()| fs::rename(&draft, self.0.join(name)));
        if stored.is_err() {
            let _ = fs::remove_file(&draft);
        }
        stored.and_then(|()| self.prune(name))
    }

    /// Removes the oldest until the rest fits. Never `kept`.
    fn prune(&self, kept: &str) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue }; // another process may have removed it
            if metadata.is_file() {
                files.push((metadata.modified()?, metadata.len(), entry.path()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, path) in files {
            if total <= MAX_SIZE {
                break;
            }
            if path.file_name() != Some(kept.as_ref()) {
                let _ = fs::remove_file(path);
                total -= size;
            }
        }
        Ok(())
    }
}
