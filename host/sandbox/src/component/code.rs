//! Machine code that may be run. It cannot be verified, so its file must fulfil two conditions: no other user can have
//! written it, and its digest matches. After that it must not change. A file of the cache is only ever replaced, so the
//! file itself runs. Of any other file, a copy runs that nobody can change.

mod image;
mod owners;
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
use std::io::{self, Read, Seek, Write};

use image::{Draft, Image};

pub(crate) use owners::Owners;

/// Reads a file, or a part of one, that begins with a digest of the rest. What it returns is verified only when
/// [`Reading::code`] succeeds.
pub(crate) struct Reading<R> {
    source: R,
    digest: [u8; DIGEST],
    hasher: blake3::Hasher,
}

/// Machine code whose digest matches.
pub(crate) struct Whole(Image);

/// Proof that no other user can have written a file.
pub(crate) struct Private(());

/// Machine code with both proofs.
pub(crate) struct Code<'a>(&'a Whole);

impl<R: Read> Reading<R> {
    /// Reads the digest.
    pub(crate) fn begin(mut source: R) -> io::Result<Self> {
        let mut digest = [0; DIGEST];
        source.read_exact(&mut digest)?;
        Ok(Self { source, digest, hasher: blake3::Hasher::new() })
    }

    /// The next `size` bytes. Fails with [`io::ErrorKind::UnexpectedEof`] if there are fewer.
    pub(crate) fn take(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.source.by_ref().take(size).read_to_end(&mut bytes)?;
        if (bytes.len() as u64) < size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.hasher.update(&bytes);
        Ok(bytes)
    }

    /// All that is left. `None`: some of what was read was damaged, or changed.
    pub(crate) fn code(mut self) -> io::Result<Option<Whole>> {
        let mut image = Draft::new()?;
        let mut piece = vec![0; PIECE];
        loop {
            let size = match self.source.read(&mut piece) {
                Ok(0) => break,
                Ok(size) => size,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.hasher.update(&piece[..size]);
            image.write_all(&piece[..size])?;
        }
        let is_whole = self.hasher.finalize() == self.digest;
        if is_whole { image.seal().map(|image| Some(Whole(image))) } else { Ok(None) }
    }
}

impl Whole {
    /// A file of the cache, which ends with the digest of what stands before. `is_known`: that this is so was found when
    /// the file was as it is now, and it is not read. `Ok(None)`: it is damaged.
    pub(crate) fn stored(mut file: File, is_known: bool) -> io::Result<Option<Self>> {
        if !is_known {
            let Some(size) = file.metadata()?.len().checked_sub(DIGEST as u64) else { return Ok(None) };
            let mut hasher = blake3::Hasher::new();
            hasher.update_reader((&file).take(size))?;
            let mut digest = [0; DIGEST];
            file.seek(io::SeekFrom::Start(size))?;
            file.read_exact(&mut digest)?;
            if hasher.finalize() != digest {
                return Ok(None);
            }
        }
        Image::of(file).map(|image| Some(Self(image)))
    }
}

/// What to write beside a content.
pub(crate) fn digest(content: &[u8]) -> [u8; DIGEST] {
    *blake3::hash(content).as_bytes()
}

impl Private {
    /// Checks an open file, so that its name cannot come to mean another one. `Err`: why another user may have written
    /// it.
    pub(crate) fn prove(file: &File, owners: Owners) -> Result<Self, String> {
        distrust(file, owners).map_or(Ok(Self(())), Err)
    }
}

impl<'a> Code<'a> {
    /// What was read from a file that was found private.
    pub(crate) fn new(whole: &'a Whole, _: &Private) -> Self {
        Self(whole)
    }

    pub(crate) fn image(&self) -> &Image {
        &self.0.0
    }
}

/// The length of the digest beside the content.
const DIGEST: usize = blake3::OUT_LEN;

/// Read, hashed and written at once: little enough to stay in a processor's cache.
const PIECE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_given_only_if_nothing_before_it_or_in_it_was_changed() {
        let content = [b"12345678", &vec![b'c'; 3 * PIECE][..]].concat();
        let file = [&digest(&content)[..], &content].concat();
        let read = |file: &[u8]| {
            let mut reading = Reading::begin(file)?;
            Ok::<_, io::Error>((reading.take(8)?, reading.code()?))
        };
        let (first, code) = read(&file).expect("it is all there");
        assert_eq!(first, b"12345678");
        assert!(code.expect("it is what was written").0.bytes().expect("it is here") == content[8..]);
        for changed in [0, DIGEST, DIGEST + 8, file.len() - 1] {
            let mut file = file.clone();
            file[changed] ^= 1;
            assert!(read(&file).expect("it is all there").1.is_none(), "byte {changed}");
        }
        assert!(read(&file[..file.len() - 1]).expect("nobody knows how much there was").1.is_none());
        for size in [0, DIGEST - 1, DIGEST + 7] {
            let cut = read(&file[..size]).err().expect("there is too little");
            assert_eq!(cut.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn an_image_cannot_be_changed() {
        let file = [&digest(b"code")[..], b"code"].concat();
        let code = Reading::begin(&file[..]).and_then(Reading::code).expect("it is here").expect("it is whole");
        let path = code.0.path().expect("this system shows processes");
        let mut opened = File::options().write(true).open(path).expect("its owner may open it");
        assert!(opened.write_all(b"evil").is_err() && opened.set_len(0).is_err());
        assert_eq!(code.0.bytes().expect("it is here"), b"code");
    }
}
