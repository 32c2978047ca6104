//! Machine code that may be run. It cannot be checked, so two things are asked of the file that it comes from: nobody
//! else can have written it, and it is, by its digest, what was written.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix::distrust;

#[cfg(not(unix))]
mod unsupported;
#[cfg(not(unix))]
use unsupported::distrust;

#[cfg(unix)]
pub(crate) use unix::distrust_stat;

use std::fs::File;

/// The content of a file that is what was written: a digest stands before it, and matches.
pub(crate) struct Sealed {
    bytes: Vec<u8>,
    content: usize,
}

/// Who may have written a file.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Owners {
    /// This user.
    User,
    /// This user, or the superuser, who installs what others run.
    UserOrRoot,
}

/// Says of a file that nobody else can have written it.
pub(crate) struct Private(());

/// Machine code of which both are known.
pub(crate) struct Code<'a>(&'a [u8]);

impl Sealed {
    /// What stands behind `skipped` bytes and a digest. `None`: it was damaged, or changed.
    pub(crate) fn open(bytes: Vec<u8>, skipped: usize) -> Option<Self> {
        let (digest, content) = bytes.get(skipped..)?.split_first_chunk::<DIGEST>()?;
        (blake3::hash(content) == *digest).then(|| Self { content: skipped + DIGEST, bytes })
    }

    /// What to write before a content.
    pub(crate) fn digest(content: &[u8]) -> [u8; DIGEST] {
        *blake3::hash(content).as_bytes()
    }

    pub(crate) fn content(&self) -> &[u8] {
        &self.bytes[self.content..]
    }
}

impl Private {
    /// Looks at an open file, so that its name cannot come to mean another one. `Err`: why somebody else may have
    /// written it.
    pub(crate) fn prove(file: &File, owners: Owners) -> Result<Self, String> {
        distrust(file, owners).map_or(Ok(Self(())), Err)
    }
}

impl<'a> Code<'a> {
    /// The code that stands behind `skipped` bytes of a content, whose file was found private.
    pub(crate) fn new(sealed: &'a Sealed, skipped: usize, _: &Private) -> Self {
        Self(&sealed.content()[skipped..])
    }

    pub(crate) fn octets(&self) -> &[u8] {
        self.0
    }
}

/// The length of the digest before the content.
pub(crate) const DIGEST: usize = blake3::OUT_LEN;
