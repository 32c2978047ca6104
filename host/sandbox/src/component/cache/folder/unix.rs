//! Unix: owner and mode decide.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT};

use super::entry::{Entry, MAX_SIZE};
use crate::component::cache::error::CacheError;
use crate::component::code::{Owners, Private, distrust_stat};

/// An open folder that was found private.
pub(crate) struct Folder(OwnedFd);

impl Folder {
    pub(crate) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |reason| CacheError::Io { folder: path.into(), reason };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        let stat = rustix::fs::fstat(&folder).map_err(|error| failed(error.into()))?;
        match distrust_stat(&stat, Owners::User) {
            None => Ok(Self(folder)),
            Some(reason) => {
                let reason =
                    format!("{reason}; run `chmod 700 {}` if it is yours, else choose another", path.display());
                Err(CacheError::Unsafe { folder: path.into(), reason })
            }
        }
    }

    /// Opens a file. `Ok(None)`: there is none. `Err`: there is, and it cannot be trusted or read.
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<Entry>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err("it is a symbolic link".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| error.to_string())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err("it is not a file".to_owned());
        }
        let private = Private::prove(&file, Owners::User)?;
        if stat.st_size as u64 > MAX_SIZE {
            return Err("it is larger than any compiled guest".to_owned());
        }
        // Remembers the use, for `prune`. It does not matter if this fails.
        let [now, same] = [UTIME_NOW, UTIME_OMIT].map(|tv_nsec| Timespec { tv_sec: 0, tv_nsec });
        let _ = rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: same });
        Ok(Some(Entry { file, private }))
    }

    /// Stores a file whole or not at all, also when the machine stops meanwhile. It is as it was stored when this ends.
    pub(crate) fn write(&self, name: &str, content: &[&[u8]]) -> io::Result<File> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let draft = format!("{name}.{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, &draft, flags, Mode::RUSR | Mode::WUSR)?);
        let written = content.iter().try_for_each(|part| file.write_all(part)).and_then(|()| file.sync_all());
        let stored = written.and_then(|()| Ok(rustix::fs::renameat(&self.0, &draft, &self.0, name)?));
        if stored.is_err() {
            self.remove(&draft);
        }
        stored.and_then(|()| self.prune(name)).map(|()| file)
    }

    /// Removes a file, if it can.
    pub(crate) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.0, name, AtFlags::empty());
    }

    /// Removes what was not used for longest until the rest fits. Never `kept`.
    fn prune(&self, kept: &str) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_owned();
            // Another process may have removed it since, as drafts are.
            let Ok(stat) = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                files.push((stat.st_atime.max(stat.st_mtime), stat.st_size as u64, name));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        for (_, size, name) in files {
            if total <= MAX_SIZE {
                break;
            }
            if name.to_bytes() != kept.as_bytes() {
                let _ = rustix::fs::unlinkat(&self.0, &name, AtFlags::empty());
                total -= size;
            }
        }
        Ok(())
    }
}
