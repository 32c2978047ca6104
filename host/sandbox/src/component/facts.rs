//! The facts about a component that loading needs besides its machine code.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::imports::Imports;
use super::{EngineKind, Footprint, LoadError, Outline, World, answers_once};
use crate::engine::config::EngineConfig;

/// Read from its binary.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    /// The BLAKE3 of the binary, in hexadecimal digits.
    pub(crate) digest: String,
    pub(crate) outline: Outline,
    pub(crate) footprint: Footprint,
    pub(crate) kind: EngineKind,
    pub(crate) answers_once: bool,
}

impl Facts {
    pub(crate) fn read(binary: &[u8], file: &Path) -> Result<Self, LoadError> {
        let outline = Outline::read(binary, file)?;
        Ok(Self {
            digest: blake3::hash(binary).to_hex().to_string(),
            footprint: Footprint::read(binary, file)?,
            kind: EngineKind::of(binary, None),
            answers_once: answers_once(binary, &outline),
            outline,
        })
    }

    /// Checks whether an engine can run it, as far as that is known before compiling.
    pub(crate) fn examine(&self, engine: &EngineConfig, file: &Path) -> Result<(World, Imports), LoadError> {
        let examined = self.outline.examine(file)?;
        self.footprint.check(engine, file)?;
        Ok(examined)
    }
}
