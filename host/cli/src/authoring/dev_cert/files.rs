//! Files that this command has created. Their first line says so; readers of PEM ignore it (RFC 7468 §2). They are
//! replaced atomically.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

/// For keys, and for others.
pub(super) const PRIVATE: u32 = 0o600;
pub(super) const PUBLIC: u32 = 0o644;

/// A file that this command has created, or that does not exist yet.
pub(super) struct Own(PathBuf);

impl Own {
    /// Refuses files that this command has not created, and links, because they lead to such files.
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
                "{} exists and was not created by windhover dev-cert; move it away, or choose another folder with --out",
                path.display()
            );
        }
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes or replaces it.
    pub(super) fn replace(&self, pem: &str, mode: u32) -> anyhow::Result<()> {
        let new = self.0.with_extension("pem.new");
        let _ = fs::remove_file(&new); // an interrupted run may have left it
        create(&new, &format!("{MADE_BY}; it may be replaced by the next.\n{pem}"), mode)?;
        fs::rename(&new, &self.0).with_context(|| format!("cannot write {}", self.0.display()))
    }
}

/// Writes a file that does not exist yet.
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
