//! Files that the guest may send, by `windhover:http/send-file`, which is linked with the other interfaces of `wit/`.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::grant::{Grant, Granted};

/// The folder of the files that a guest may send.
#[derive(Default)]
pub(crate) struct Files(Option<Dir>);

impl Files {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        Ok(Self(Some(Dir::open_ambient_dir(folder, ambient_authority())?)))
    }

    /// `None`: the guest may send no file.
    pub(crate) fn folder(&self) -> Option<&Dir> {
        self.0.as_ref()
    }
}

impl Granted for Files {
    const GRANT: Grant =
        Grant { name: "files to send", option: Some("--files FOLDER"), interfaces: &["windhover:http/send-file"] };

    fn describe(&self) -> Option<String> {
        self.0.as_ref().map(|_| "a folder".to_owned())
    }
}
