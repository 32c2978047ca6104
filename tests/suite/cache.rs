//! Compiled guests on disk: taken when nobody but this user can have written them and they are what was stored; else
//! compiled anew. Machine code cannot be checked, so its origin must be.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tempfile::TempDir;
use windhover_sandbox::{Cache, Guest, Origin};
use windhover_tests::{TestServer, engine, guest_file};

use crate::{HELLO, get};

#[tokio::test]
async fn a_guest_is_compiled_once() {
    let folder = Folder::new();
    assert_ne!(folder.load().origin(), Origin::Cache);
    let guest = folder.load();
    assert_eq!(guest.origin(), Origin::Cache);
    let served = TestServer::memory().serve(guest).await;
    let mut wire = served.connect().await;
    wire.send(get("/")).await;
    wire.expect(HELLO).await;
}

#[test]
fn another_guest_is_another_entry() {
    let folder = Folder::new();
    folder.load();
    let other = Guest::load(engine(), &guest_file("counts"), Some(&folder.cache())).expect("it is a guest");
    assert_ne!(other.origin(), Origin::Cache);
    assert_eq!(folder.entries().len(), 2);
}

#[test]
fn an_entry_that_was_changed_is_not_used_and_mended() {
    let folder = Folder::new();
    folder.load();
    let whole = fs::read(folder.entry()).expect("the entry can be read");
    for at in [0, whole.len() / 2, whole.len() - 33, whole.len() - 32, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        folder.change(&changed);
        assert_ne!(folder.load().origin(), Origin::Cache, "byte {at} was changed");
        assert_eq!(folder.load().origin(), Origin::Cache, "byte {at} is mended");
    }
    for size in [0, 10, 31, 32, whole.len() - 32, whole.len() - 1] {
        folder.change(&whole[..size]);
        assert_ne!(folder.load().origin(), Origin::Cache, "it was cut to {size} bytes");
    }
}

#[test]
fn an_entry_that_was_moved_or_whose_note_is_lost_is_read_and_used() {
    let folder = Folder::new();
    folder.load();
    let (entry, other) = (folder.entry(), folder.root.path().join("other"));
    fs::copy(&entry, &other).and_then(|_| fs::rename(&other, &entry)).expect("the entry can be replaced");
    assert_eq!(folder.load().origin(), Origin::Cache);
    for note in ["", "{", "{}", "\u{0}"] {
        for file in folder.notes() {
            fs::write(file, note).expect("a note can be written");
        }
        assert_eq!(folder.load().origin(), Origin::Cache, "the notes are {note:?}");
    }
    for file in folder.notes() {
        fs::remove_file(file).expect("a note can be removed");
    }
    assert_eq!(folder.load().origin(), Origin::Cache);
}

#[tokio::test]
async fn a_file_that_is_as_it_was_is_not_read_again() {
    let (folder, file) = (Folder::new(), guest_file("rust-hello"));
    let recall = || Guest::recall(engine(), &file, &folder.cache());
    assert!(recall().is_none());
    let read = folder.load();
    // A file that was built less than two seconds ago is read until it is older.
    let end = Instant::now() + Duration::from_secs(10);
    let guest = loop {
        match recall() {
            Some(guest) => break guest,
            None => assert!(Instant::now() < end, "it was compiled, and is as it was"),
        }
        folder.load();
    };
    assert_eq!((guest.origin(), guest.digest(), guest.world()), (Origin::Cache, read.digest(), read.world()));
    assert_eq!(guest.needs(), read.needs());
    let served = TestServer::memory().serve(guest).await;
    let mut wire = served.connect().await;
    wire.send(get("/")).await;
    wire.expect(HELLO).await;

    for note in folder.notes() {
        set_mode(&note, 0o620);
    }
    assert!(recall().is_none(), "others can write what is noted");
}

#[test]
fn an_entry_that_others_can_write_is_not_used() {
    let folder = Folder::new();
    folder.load();
    for mode in [0o620, 0o602, 0o666] {
        set_mode(&folder.entry(), mode);
        assert_ne!(folder.load().origin(), Origin::Cache, "mode {mode:o}");
        assert_eq!(folder.load().origin(), Origin::Cache, "it is replaced by one that others cannot write");
    }
}

#[test]
fn an_entry_that_is_no_file_is_not_used() {
    let folder = Folder::new();
    folder.load();
    let (entry, elsewhere) = (folder.entry(), folder.path.join("elsewhere"));
    fs::rename(&entry, &elsewhere).expect("the entry can be moved");
    symlink(&elsewhere, &entry).expect("a link can be made");
    assert_ne!(folder.load().origin(), Origin::Cache);
}

#[test]
fn a_folder_that_others_can_write_is_refused_with_what_to_do() {
    let folder = Folder::new();
    folder.cache();
    for mode in [0o770, 0o707, 0o1777] {
        set_mode(&folder.path, mode);
        let refusal = Cache::at(&folder.path).err().expect("others can write to it").to_string();
        assert!(refusal.contains(&format!("run `chmod 700 {}`", folder.path.display())), "{refusal}");
    }
}

#[test]
fn a_folder_that_is_a_link_is_refused() {
    let folder = Folder::new();
    folder.cache();
    let link = folder.root.path().join("link");
    symlink(&folder.path, &link).expect("a link can be made");
    assert!(Cache::at(&link).is_err());
}

#[test]
fn a_new_folder_is_this_users_alone() {
    let folder = Folder::new();
    folder.load();
    for path in folder.files().chain([folder.path.clone()]) {
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

#[test]
fn an_entry_is_not_a_guest() {
    let folder = Folder::new();
    folder.load();
    let file = folder.root.path().join("app.wasm");
    fs::copy(folder.entry(), &file).expect("a new folder can be written to");
    let refusal = Guest::load(engine(), &file, None).err().expect("machine code is not run").to_string();
    assert!(refusal.contains("is machine code of another program, which cannot be verified"), "{refusal}");
}

/// A place for a cache that does not exist yet.
struct Folder {
    root: TempDir,
    path: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("the system has a place for temporary files");
        Self { path: root.path().join("cache"), root }
    }

    fn cache(&self) -> Cache {
        Cache::at(&self.path).expect("the folder is this user's alone")
    }

    fn load(&self) -> Guest {
        Guest::load(engine(), &guest_file("rust-hello"), Some(&self.cache())).expect("it is a guest")
    }

    /// The one compiled guest in the folder.
    fn entry(&self) -> PathBuf {
        let mut entries = self.entries();
        let entry = entries.pop().expect("a guest was compiled");
        assert!(entries.is_empty(), "one guest is one file");
        entry
    }

    /// All compiled guests in the folder.
    fn entries(&self) -> Vec<PathBuf> {
        self.files().filter(|file| file.extension().is_some_and(|kind| kind == "cwasm")).collect()
    }

    /// Changes the entry. Later than it was stored, also where the clock of files takes long steps.
    fn change(&self, content: &[u8]) {
        fs::write(self.entry(), content).expect("the entry can be written");
        let entry = fs::File::options().write(true).open(self.entry()).expect("the entry can be written");
        entry.set_modified(SystemTime::now() + Duration::from_secs(1)).expect("it is ours");
    }

    fn notes(&self) -> Vec<PathBuf> {
        self.files().filter(|file| file.extension().is_some_and(|kind| kind == "note")).collect()
    }

    fn files(&self) -> impl Iterator<Item = PathBuf> {
        fs::read_dir(&self.path).expect("it is a folder").map(|entry| entry.expect("it can be read").path())
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("it is ours");
}
