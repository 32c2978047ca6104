//! A folder that only this user can write, and its files. On Unix everything is checked on open descriptors, so that a
//! name cannot come to mean another file between the check and the use.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
mod other;
#[cfg(not(unix))]
pub(super) use other::Folder;

/// What all files together may take. The files that were not used for longest go first.
const MAX_SIZE: u64 = 2 << 30;
