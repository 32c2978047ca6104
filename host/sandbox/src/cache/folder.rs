//! A folder that only this user can write, and its files. On Unix everything is checked on open descriptors, so that a
//! name cannot come to mean another file between the check and the use. Elsewhere there is no such folder yet.

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(super) use unix::Folder;

#[cfg(not(unix))]
mod unsupported;
#[cfg(not(unix))]
pub(super) use unsupported::Folder;

/// What was read from a file of a [`Folder`]: only this user can have written it, and it is what was written.
pub(crate) struct Entry(Vec<u8>);

impl Entry {
    /// Checks the digest with which a file begins. Only a [`Folder`] calls this, with what it has read from a file that
    /// it has found private.
    fn verify(bytes: Vec<u8>) -> Result<Self, String> {
        match bytes.split_first_chunk::<DIGEST>() {
            Some((digest, content)) if blake3::hash(content) == *digest => Ok(Self(bytes)),
            _ => Err("it was damaged or changed after it was stored".to_owned()),
        }
    }

    /// What was stored.
    pub(crate) fn content(&self) -> &[u8] {
        &self.0[DIGEST..]
    }
}

/// The length of the digest before the content.
const DIGEST: usize = blake3::OUT_LEN;

/// What all files together may take. The files that were not used for longest go first.
const MAX_SIZE: u64 = 2 << 30;
