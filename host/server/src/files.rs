//! Notices changes of files by looking at them. No event of the system is needed, so it works on every file system, and
//! where an orchestrator swaps a symbolic link instead of writing files.
//!
//! `windhover_http` has its own for certificates: it is below this crate, and reads them again itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What files are like at one moment. It changes when one of them does, also by a link that leads elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStamp(Vec<(PathBuf, Option<Stamp>)>);

/// Enough of a file to tell it from another, without reading it: size, time of the last change, inode.
type Stamp = (u64, SystemTime, u64);

impl FileStamp {
    /// Of these files. A file that cannot be read counts as absent.
    pub fn of(files: impl IntoIterator<Item = impl AsRef<Path>>) -> Self {
        let stamp = |file: &Path| {
            let found = fs::metadata(file).ok()?;
            Some((found.len(), found.modified().ok()?, identity(&found)))
        };
        Self(files.into_iter().map(|file| (file.as_ref().to_owned(), stamp(file.as_ref()))).collect())
    }

    /// The files.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(file, _)| file.as_path())
    }
}

#[cfg(unix)]
fn identity(found: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(found)
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> u64 {
    0
}

/// Files that are looked at again and again. A change counts when two looks in a row have found the same: before that a
/// file may still be written.
#[derive(Clone, Debug)]
pub struct WatchedFiles {
    known: FileStamp,
    changing: Option<FileStamp>,
}

impl WatchedFiles {
    /// Files that are known as they are.
    pub fn new(known: FileStamp) -> Self {
        Self { known, changing: None }
    }

    /// Whether they have changed and stayed the same since the last look. They are known as they are then.
    pub fn have_changed(&mut self, now: FileStamp) -> bool {
        if now == self.known {
            self.changing = None;
            false
        } else if self.changing.as_ref() == Some(&now) {
            *self = Self::new(now);
            true
        } else {
            self.changing = Some(now);
            false
        }
    }

    /// Whether they are as they are known.
    pub fn are(&self, now: &FileStamp) -> bool {
        self.known == *now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_counts_when_two_looks_have_found_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("file");
        let stamp = || FileStamp::of([&file]);
        let mut watched = WatchedFiles::new(stamp());
        assert!(!watched.have_changed(stamp()));
        fs::write(&file, "a").expect("it can be written");
        assert!(!watched.have_changed(stamp()));
        fs::write(&file, "ab").expect("it can be written");
        assert!(!watched.have_changed(stamp()), "it is still being written");
        assert!(watched.have_changed(stamp()));
        assert!(!watched.have_changed(stamp()) && watched.are(&stamp()));
        fs::write(folder.path().join("other"), "ab").expect("it can be written");
        fs::rename(folder.path().join("other"), &file).expect("it can be replaced");
        assert!(!watched.have_changed(stamp()));
        assert!(watched.have_changed(stamp()), "another file has its name");
    }
}
