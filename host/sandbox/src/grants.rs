//! What a deployment gives to its guest beyond the exchange itself: nothing, unless it is named here.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

/// What a guest is granted. The default grants nothing.
#[derive(Debug, Default)]
pub struct Grants {
    pub(crate) files: Option<Dir>,
}

impl Grants {
    /// Lets the guest send the files of a folder, and of the folders in it, by `windhover:http/send-file`. It cannot
    /// reach outside of it, not even by a symbolic link. An error: there is no such folder.
    pub fn files(mut self, folder: &Path) -> io::Result<Self> {
        self.files = Some(Dir::open_ambient_dir(folder, ambient_authority())?);
        Ok(self)
    }
}
