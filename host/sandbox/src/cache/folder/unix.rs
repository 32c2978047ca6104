//! Unix: owner and mode decide.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW};

use super::{Entry, MAX_SIZE};
use crate::CacheError;

/// An open folder that was found private.
pub(in crate::cache) struct Folder(OwnedFd);

impl Folder {
    pub(in crate::cache) fn open(path: &Path) -> Result<Self, CacheError> {
        let failed = |reason| CacheError::Io { folder: path.into(), reason };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
        let stat = rustix::fs::fstat(&folder).map_err(|error| failed(error.into()))?;
        match distrust(&stat) {
            None => Ok(Self(folder)),
            Some(reason) => {
                let reason =
                    format!("{reason}; run `chmod 700 {}` if it is yours, else choose another", path.display());
                Err(CacheError::Unsafe { folder: path.into(), reason })
            }
        }
    }

    /// `Ok(None)`: there is no such file. `Err`: there is, and it cannot be trusted or read.
    pub(in crate::cache) fn read(&self, name: &str) -> Result<Option<Entry>, String> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match rustix::fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(rustix::io::Errno::NOENT) => return Ok(None),
            Err(rustix::io::Errno::LOOP) => return Err("it is a symbolic link".to_owned()),
            Err(error) => return Err(error.to_string()),
        };
        let stat = rustix::fs::fstat(&file).map_err(|error| error.to_string())?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err("it is not a file".to_owned());
        }
        if let Some(reason) = distrust(&stat) {
            return Err(reason);
        }
        if stat.st_size as u64 > MAX_SIZE {
            return Err("it is larger than any compiled guest".to_owned());
        }
        // Remembers the use, for `prune`. It does not matter if this fails.
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let _ = rustix::fs::futimens(&file, &Timestamps { last_access: now, last_modification: now });
        let mut bytes = Vec::with_capacity(stat.st_size as usize);
        File::from(file).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Entry::verify(bytes).map(Some)
    }

    /// Stores a file whole or not at all.
    pub(in crate::cache) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let draft = format!("{name}.{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut file = File::from(rustix::fs::openat(&self.0, &draft, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file.write_all(blake3::hash(content).as_bytes()).and_then(|()| file.write_all(content));
        let stored = written.and_then(|()| Ok(rustix::fs::renameat(&self.0, &draft, &self.0, name)?));
        if stored.is_err() {
            let _ = rustix::fs::unlinkat(&self.0, &draft, AtFlags::empty());
        }
        stored.and_then(|()| self.prune(name))
    }

    /// Removes what was not used for longest until the rest fits. Never `kept`.
    fn prune(&self, kept: &str) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let name = entry?.file_name().to_owned();
            // Another process may have removed it since, as drafts are.
            let Ok(stat) = rustix::fs::statat(&self.0, &name, AtFlags::SYMLINK_NOFOLLOW) else { continue };
            if FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile {
                files.push((stat.st_mtime, stat.st_size as u64, name));
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

/// Why somebody else may have written it. `None`: nobody else can.
fn distrust(stat: &Stat) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if stat.st_uid != me {
        return Some(format!("it belongs to user {} and not to user {me}", stat.st_uid));
    }
    let writable_by_others = Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH);
    writable_by_others.then(|| "other users can write to it".to_owned())
}
