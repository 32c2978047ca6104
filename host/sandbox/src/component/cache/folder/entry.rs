//! What a private folder holds.

use std::fs::File;

use crate::component::code::Private;

/// An open file of a private folder.
pub(crate) struct Entry {
    pub(crate) file: File,
    pub(crate) private: Private,
}

/// What all files together may take. The files that were not used for longest go first.
pub(super) const MAX_SIZE: u64 = 2 << 30;
