//! Whether files have changed, found out by checking their metadata. That needs no events of the system, so it works on
//! every file system, and where an orchestrator swaps a symbolic link of a folder instead of writing files.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The state of files at one moment.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<(PathBuf, Option<Stamp>)>);

/// Enough metadata to tell a file from another without reading it.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    /// Through every symbolic link, including those of folders.
    target: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    /// Device, inode, and the time of the last change to content or mode, where the system provides them. They miss a
    /// file that is written twice within one tick of the file system's clock, with the same size.
    identity: [i64; 4],
}

impl Files {
    pub(super) fn now(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self(paths.into_iter().map(|path| (Stamp::of(&path), path)).map(|(stamp, path)| (path, stamp)).collect())
    }

    /// Whether a file was replaced, changed, added or removed since.
    pub(super) fn have_changed(&self) -> bool {
        self.0.iter().any(|(path, stamp)| Stamp::of(path) != *stamp)
    }
}

impl Stamp {
    /// `None`: it does not exist, or its metadata cannot be read.
    fn of(path: &Path) -> Option<Self> {
        let target = std::fs::canonicalize(path).ok()?;
        let metadata = std::fs::metadata(&target).ok()?;
        Some(Self { size: metadata.len(), modified: metadata.modified().ok(), identity: identity(&metadata), target })
    }
}

#[cfg(unix)]
fn identity(metadata: &std::fs::Metadata) -> [i64; 4] {
    use std::os::unix::fs::MetadataExt;
    [metadata.dev().cast_signed(), metadata.ino().cast_signed(), metadata.ctime(), metadata.ctime_nsec()]
}

#[cfg(not(unix))]
fn identity(_metadata: &std::fs::Metadata) -> [i64; 4] {
    [0; 4]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_that_comes_grows_goes_or_is_replaced_has_changed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("file");
        let look = || Files::now([path.clone()]);
        let absent = look();
        assert!(!absent.have_changed());
        fs::write(&path, "a").expect("it is ours");
        assert!(absent.have_changed());
        let present = look();
        assert!(!present.have_changed());
        fs::write(&path, "ab").expect("it is ours");
        assert!(present.have_changed());
        let present = look();
        fs::write(folder.path().join("new"), "cd").expect("it is ours");
        fs::rename(folder.path().join("new"), &path).expect("it is ours");
        assert!(present.have_changed());
        let present = look();
        fs::remove_file(&path).expect("it is ours");
        assert!(present.have_changed());
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_of_a_folder_that_is_swapped_has_changed_its_files() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        for name in ["1", "2"] {
            fs::create_dir(at(name)).expect("it is ours");
        }
        // Two names of one file, so that only its path differs.
        fs::write(at("1/file"), "same").expect("it is ours");
        fs::hard_link(at("1/file"), at("2/file")).expect("it is one file system");
        std::os::unix::fs::symlink("1", at("data")).expect("it is ours");
        std::os::unix::fs::symlink("data/file", at("file")).expect("it is ours");
        let files = Files::now([at("file")]);
        assert!(!files.have_changed());
        std::os::unix::fs::symlink("2", at("new")).expect("it is ours");
        fs::rename(at("new"), at("data")).expect("it is ours");
        assert!(files.have_changed());
    }
}
