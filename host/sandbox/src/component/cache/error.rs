//! Why a folder cannot be a cache.

use std::io;
use std::path::PathBuf;

/// Why a folder cannot be a cache.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// It cannot be made or opened.
    #[error("cannot use the cache folder {}: {reason}", folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// The system's reason.
        reason: io::Error,
    },
    /// Another user could put machine code into it.
    #[error("the cache folder {} is not safe to use: {reason}", folder.display())]
    Unsafe {
        /// The folder.
        folder: PathBuf,
        /// What is wrong, and the command that mends it.
        reason: String,
    },
}
