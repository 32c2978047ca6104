//! Unix: owner and mode decide.

use std::fs::File;

use rustix::fs::{Mode, Stat};

use super::owners::Owners;

/// Why somebody else may have written it. `None`: nobody else can.
pub(super) fn distrust(file: &File, owners: Owners) -> Option<String> {
    match rustix::fs::fstat(file) {
        Ok(stat) => distrust_stat(&stat, owners),
        Err(error) => Some(error.to_string()),
    }
}

/// The same, for a file or folder that was looked at.
pub(crate) fn distrust_stat(stat: &Stat, owners: Owners) -> Option<String> {
    let me = rustix::process::geteuid().as_raw();
    if stat.st_uid != me && (owners == Owners::User || stat.st_uid != ROOT) {
        return Some(format!("it belongs to user {} and not to user {me}", stat.st_uid));
    }
    let writable_by_others = Mode::from_raw_mode(stat.st_mode).intersects(Mode::WGRP | Mode::WOTH);
    writable_by_others.then(|| "other users can write to it".to_owned())
}

const ROOT: u32 = 0;
