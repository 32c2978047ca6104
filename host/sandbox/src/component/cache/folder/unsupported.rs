//! Systems whose permissions Windhover does not read yet. There no folder is known to be private, so none is used.

use std::fs::File;
use std::io;
use std::path::Path;

use super::entry::Entry;
use crate::component::cache::error::CacheError;

/// Never made.
pub(crate) enum Folder {}

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, CacheError> {
        let reason = io::Error::new(io::ErrorKind::Unsupported, "there is no cache on this system yet");
        Err(CacheError::Io { folder: path.into(), reason })
    }

    pub(crate) fn open_file(&self, _: &str) -> Result<Option<Entry>, String> {
        match *self {}
    }

    pub(crate) fn write(&self, _: &str, _: &[&[u8]]) -> io::Result<File> {
        match *self {}
    }

    pub(crate) fn remove(&self, _: &str) {
        match *self {}
    }
}
