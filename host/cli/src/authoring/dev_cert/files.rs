//! Files that this command has made, told by their first line, which readers of PEM pass over (RFC 7468 §2). They are
//! replaced whole: who reads meanwhile sees the old or the new.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// For keys, and for others.
pub(super) const PRIVATE: u32 = 0o600;
pub(super) const PUBLIC: u32 = 0o644;

/// A file that was made by this command, or is not there yet.
pub(super) struct Own(PathBuf);

impl Own {
    /// Refuses what somebody else has made, and links, because they lead to what somebody else has made.
    pub(super) fn at(path: PathBuf) -> anyhow::Result<Self> {
        let failed = || format!("cannot look at {}", path.display());
        let is_own = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => return Err(error).with_context(failed),
            Ok(metadata) if metadata.is_file() => {
                let mut begin = Vec::new();
                let file = File::open(&path).with_context(failed)?;
                file.take(MADE_BY.len() as u64).read_to_end(&mut begin).with_context(failed)?;
                begin == MADE_BY.as_bytes()
            }
            Ok(_) => false,
        };
        if !is_own {
            bail!(
                "{} is there and was not made by windhover dev-cert; move it away, or choose another folder with --out",
                path.display()
            );
        }
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes it, or writes it anew.
    pub(super) fn replace(&self, pem: &str, mode: u32) -> anyhow::Result<()> {
        let new = self.0.with_extension("pem.new");
        let _ = fs::remove_file(&new); // a run that was broken off has left it
        create(&new, &format!("{MADE_BY}; it may be replaced by the next.\n{pem}"), mode)?;
        fs::rename(&new, &self.0).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

/// Writes a file that is not there yet.
pub(super) fn create(path: &Path, content: &str, mode: u32) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode; // a user's folders are private there
    let write = || {
        let mut file = options.open(path)?;
        file.write_all(content.as_bytes())?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

const MADE_BY: &str = "Made by windhover dev-cert";
