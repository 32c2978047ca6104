//! Folders of this machine, by `wasi:filesystem`, preopened.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use wasmtime::component::Linker;
use wasmtime_wasi::filesystem::WasiFilesystem;
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, p2, p3};

use super::grant::{Grant, GrantStore, Granted};

/// The folders of a guest.
#[derive(Default)]
pub(crate) struct Folders(Vec<Folder>);

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

impl Folders {
    /// An error: there is no such folder now. Each instance opens it again, so one that takes its place is used from then
    /// on.
    pub(super) fn add(&mut self, path: String, folder: &Path, access: Access) -> io::Result<()> {
        drop(Dir::open_ambient_dir(folder, ambient_authority())?);
        self.0.push(Folder { path, folder: folder.to_owned(), access });
        Ok(())
    }

    /// Whether calls of the guest may block: wasmtime has files wait where the guest is polled.
    pub(super) fn may_block(&self) -> bool {
        !self.0.is_empty()
    }
}

impl Granted for Folders {
    const GRANT: Grant = Grant { name: "folders", option: Some("grants.folders"), interfaces: &["wasi:filesystem/*"] };

    /// Once more, after the rest of WASI: open files are counted.
    fn link<T: GrantStore<Grants: AsRef<Self>>>(linker: &mut Linker<T>, has_concurrency: bool) -> wasmtime::Result<()> {
        linker.allow_shadowing(true);
        p2::bindings::filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, T::files)?;
        if has_concurrency {
            p3::bindings::filesystem::types::add_to_linker::<_, WasiFilesystem>(linker, T::files)?;
        }
        linker.allow_shadowing(false);
        Ok(())
    }

    fn prepare(&self, builder: &mut WasiCtxBuilder) -> wasmtime::Result<()> {
        for Folder { path, folder, access } in &self.0 {
            let perms = match access {
                Access::Read => FsPerms::ReadOnly,
                Access::ReadWrite => FsPerms::ReadWrite,
            };
            builder.preopened_dir(folder, path, perms)?;
        }
        Ok(())
    }

    fn describe(&self) -> Option<String> {
        let folders = self.0.iter().map(|Folder { path, access, .. }| match access {
            Access::Read => format!("{path} to read"),
            Access::ReadWrite => format!("{path} to read and write"),
        });
        let folders: Vec<String> = folders.collect();
        (!folders.is_empty()).then(|| folders.join(", "))
    }
}
