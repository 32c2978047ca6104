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

use crate::code::{Code, Private, Sealed};

/// What was read from a file of a [`Folder`].
pub(super) struct Entry {
    sealed: Sealed,
    private: Private,
}

impl Entry {
    /// The machine code that was stored.
    pub(super) fn code(&self) -> Code<'_> {
        Code::new(&self.sealed, &self.private)
    }
}

/// What all files together may take. The files that were not used for longest go first.
const MAX_SIZE: u64 = 2 << 30;
