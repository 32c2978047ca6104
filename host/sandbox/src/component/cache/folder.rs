//! A folder that only this user can write, and its files. On Unix everything is checked on open descriptors, so that a
//! name cannot come to mean another file between the check and the use. Elsewhere there is no such folder yet.

mod entry;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
mod unsupported;
#[cfg(not(unix))]
pub(super) use unsupported::Folder;
