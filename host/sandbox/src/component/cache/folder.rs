//! A folder that only this user can write, and its files. On Unix all checks use open descriptors, so a name cannot
//! come to mean another file between check and use. Other systems have no such folder yet.

mod entry;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
mod unsupported;
#[cfg(not(unix))]
pub(super) use unsupported::Folder;
