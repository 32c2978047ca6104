//! A folder that only this user can write, and its files. On Unix everything is checked on open descriptors, so that a
//! name cannot come to mean another file between the check and the use. Elsewhere there is no such folder yet.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
mod unsupported;
#[cfg(not(unix))]
pub(super) use unsupported::Folder;

use std::fs::File;

use crate::component::code::Private;

/// An open file of a [`Folder`].
pub(super) struct Entry {
    pub(super) file: File,
    pub(super) private: Private,
}

/// What all files together may take. The files that were not used for longest go first.
const MAX_SIZE: u64 = 2 << 30;
