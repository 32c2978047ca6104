//! What must be known of a component beside its machine code.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{LoadError, Outline, needs_concurrency};

/// Read from its binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The BLAKE3 of the binary, in hexadecimal digits.
    pub(crate) digest: String,
    pub(crate) outline: Outline,
    pub(crate) needs_concurrency: bool,
}

impl Facts {
    pub(crate) fn read(binary: &[u8], file: &Path) -> Result<Self, LoadError> {
        let outline = Outline::read(binary, file)?;
        Ok(Self {
            digest: blake3::hash(binary).to_hex().to_string(),
            outline,
            needs_concurrency: needs_concurrency(binary),
        })
    }
}
