//! A folder to run a command in.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use tempfile::TempDir;

use super::command;

pub(crate) struct Folder(TempDir);

impl Folder {
    /// With these files, by name.
    pub(crate) fn with(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        for (name, content) in files {
            folder.write(name, content.as_bytes());
        }
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        fs::write(self.path(name), content).expect("a new folder can be written to");
    }

    pub(crate) fn copy(&self, name: &str, from: &Path) {
        fs::copy(from, self.path(name)).expect("a new folder can be written to");
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        command().args(arguments).current_dir(self.0.path()).output().expect("the command runs")
    }

    /// What a command says, where it ends with this code.
    pub(crate) fn told(&self, arguments: &[&str], code: i32) -> String {
        let Output { status, stdout, stderr } = self.run(arguments);
        let told = String::from_utf8([stdout, stderr].concat()).expect("it speaks UTF-8");
        assert_eq!(status.code(), Some(code), "{arguments:?}: {told}");
        told
    }

    /// The names of all files, in order.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("it is a folder");
        let mut names: Vec<_> =
            entries.map(|entry| entry.expect("it can be read").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}
