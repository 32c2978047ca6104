//! What a deployment gives to its guest beyond the exchange itself: nothing, unless it is named here.

pub(crate) mod outbound;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder};
use wasmtime_wasi_config::WasiConfigVariables;

use crate::grants::outbound::{Granted, Outbound, OutboundError};
use crate::scheduling::blocking::Blocking;

/// What a guest is granted. The default grants nothing.
#[derive(Default)]
pub struct Grants {
    pub(crate) files: Option<Dir>,
    variables: BTreeMap<String, String>,
    folders: Vec<Folder>,
    pub(crate) config: WasiConfigVariables,
    pub(crate) outbound: Option<Arc<Granted>>,
    /// Where files and names of other servers are waited for.
    pub(crate) blocking: Arc<Blocking>,
}

struct Folder {
    path: String,
    folder: PathBuf,
    access: Access,
}

/// What a guest may do in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read what is there.
    Read,
    /// And write, create, remove.
    ReadWrite,
}

impl Grants {
    /// Lets the guest send the files of a folder, and of the folders in it, by `windhover:http/send-file`. It cannot
    /// reach outside of it, not even by a symbolic link. An error: there is no such folder.
    pub fn files(mut self, folder: &Path) -> io::Result<Self> {
        self.files = Some(Dir::open_ambient_dir(folder, ambient_authority())?);
        Ok(self)
    }

    /// Gives the guest an environment variable (`wasi:cli/environment`). The last of one name stands.
    pub fn variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// Gives the guest a value that it asks for by name (`wasi:config/store`).
    pub fn config(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.config.insert(key, value);
        self
    }

    /// Lets the guest use a folder, and the folders in it, which it finds at `path` (`wasi:filesystem`, preopened). It
    /// cannot reach outside of it, not even by a symbolic link. An error: there is no such folder now. It is looked up
    /// for each instance that asks, so one that takes its place later is used from then on.
    pub fn folder(mut self, path: impl Into<String>, folder: &Path, access: Access) -> io::Result<Self> {
        drop(Dir::open_ambient_dir(folder, ambient_authority())?);
        self.folders.push(Folder { path: path.into(), folder: folder.to_owned(), access });
        Ok(self)
    }

    /// Lets the guest send requests to other servers (`wasi:http/outgoing-handler`, and `wasi:http/client` of 0.3). An
    /// error: the authorities are none.
    pub fn outbound(mut self, outbound: Outbound) -> Result<Self, OutboundError> {
        self.outbound = Some(Arc::new(Granted::new(outbound, &self.blocking)?));
        Ok(self)
    }

    /// What guests have to be polled in, because they may block. `None`: they do not.
    pub(crate) fn blocking_guests(&self) -> Option<Arc<Blocking>> {
        (!self.folders.is_empty()).then(|| Arc::clone(&self.blocking))
    }

    /// Hands them to the WASI side of one instance. An error: a folder that is not there any more.
    pub(crate) fn give(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        for (name, value) in &self.variables {
            builder.env(name, value);
        }
        for Folder { path, folder, access } in &self.folders {
            let perms = match access {
                Access::Read => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            builder.preopened_dir(folder, path, perms)?;
        }
        Ok(())
    }
}

/// Without the values, which may be secret.
impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants")
            .field("files", &self.files)
            .field("variables", &self.variables.keys().collect::<Vec<_>>())
            .field("folders", &self.folders.iter().map(|folder| (&folder.path, folder.access)).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_never_shown() {
        let grants = Grants::default().variable("PASSWORD", "open sesame").config("token", "open sesame");
        let shown = format!("{grants:?}");
        assert!(shown.contains("PASSWORD") && !shown.contains("sesame"), "{shown}");
    }

    #[test]
    fn a_folder_that_does_not_exist_is_refused() {
        let error = Grants::default().folder("/data", Path::new("/no/such"), Access::Read).expect_err("there is none");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
