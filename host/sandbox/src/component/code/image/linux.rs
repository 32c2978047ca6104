//! Linux: an anonymous, sealed file, or a file of the cache. wasmtime maps it, so code that never runs is never copied.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// Where code is written to.
pub(crate) struct Draft(File);

/// Code that nobody else can change.
pub(crate) struct Image(File);

impl Draft {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        Ok(Self(memfd_create("windhover-code", flags)?.into()))
    }

    pub(crate) fn seal(self) -> io::Result<Image> {
        fcntl_add_seals(&self.0, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
        Ok(Image(self.0))
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Image {
    /// What is in a file that stays as it is.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        Ok(Self(file))
    }

    /// Where it can be opened as long as this is here. `None`: nowhere, because the system shows no processes.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let path = PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()));
        path.exists().then_some(path)
    }

    pub(crate) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&self.0).rewind()?;
        (&self.0).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}
