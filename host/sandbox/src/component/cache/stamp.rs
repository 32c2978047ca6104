//! Identifies the state of a file, so that an unchanged file is not read again.

use std::fs::Metadata;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// The state of a file. Another file, or other content, has another stamp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: Time,
    /// The time of the last change as the system records it, which users cannot set. `None`: it is ignored.
    changed: Option<Time>,
}

/// Seconds and nanoseconds.
type Time = (i64, i64);

impl Stamp {
    /// For a file of the cache, which is replaced and never modified. The stamp stays the same when the file is used.
    pub(crate) fn of_own(file: &Metadata) -> Option<Self> {
        Some(Self { changed: None, ..Self::of(file)? })
    }

    /// Whether the next change will give the file another stamp. It may not if the last change was a moment ago.
    pub(crate) fn is_settled(&self, now: SystemTime) -> bool {
        let age = self.changed.and_then(|(seconds, nanoseconds)| {
            let changed = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
            now.duration_since(SystemTime::UNIX_EPOCH).ok()?.checked_sub(changed)
        });
        age.is_some_and(|age| age >= SETTLED)
    }

    /// `None`: the system does not tell.
    #[cfg(unix)]
    pub(crate) fn of(file: &Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            size: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: Some((file.ctime(), file.ctime_nsec())),
        })
    }

    /// `None`: the system does not tell.
    #[cfg(not(unix))]
    pub(crate) fn of(_: &Metadata) -> Option<Self> {
        None
    }
}

/// More than the steps in which any file system counts time.
const SETTLED: Duration = Duration::from_secs(2);

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_settled_after_a_while() {
        let file = tempfile::tempfile().expect("there is a place for it");
        let stamp = Stamp::of(&file.metadata().expect("it is there")).expect("this system tells");
        let now = SystemTime::now();
        assert!(!stamp.is_settled(now) && stamp.is_settled(now + SETTLED));
        assert!(!stamp.is_settled(SystemTime::UNIX_EPOCH), "the clock was set back");
    }
}
