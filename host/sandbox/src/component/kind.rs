//! Chooses one of wasmtime's engines for a component, from its binary. The engines compile differently.

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, DataKind, Parser, Payload};

use super::concurrency;

/// What a component needs of its engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EngineKind {
    /// It may do several things at once. An engine without concurrency is faster for all others.
    pub(crate) has_concurrency: bool,
    /// Its data is copied into the memory of each instance. Otherwise it is mapped, and an instance has only the pages
    /// that it changes.
    pub(crate) copies_data: bool,
}

impl EngineKind {
    /// For the processor and system of this process, or for a target. A malformed component needs nothing: compiling it
    /// reports the error.
    pub(crate) fn of(binary: &[u8], target: Option<&str>) -> Self {
        let is_linux = target.map_or(cfg!(target_os = "linux"), |target| target.contains("linux"));
        let data = data_size(binary).unwrap_or(u64::MAX);
        Self { has_concurrency: concurrency::is_needed(binary), copies_data: is_linux && data <= MAX_COPIED as u64 }
    }
}

/// Bytes that are in the memories of an instance from the beginning.
fn data_size(binary: &[u8]) -> Result<u64, BinaryReaderError> {
    let mut size = 0;
    for payload in Parser::new(0).parse_all(binary) {
        if let Payload::DataSection(segments) = payload? {
            for segment in segments {
                let segment = segment?;
                if matches!(segment.kind, DataKind::Active { .. }) {
                    size += segment.data.len() as u64;
                }
            }
        }
    }
    Ok(size)
}

/// More data than that is mapped. Of mapped data each page that an instance touches costs it a page fault, and goes back
/// to the kernel when it has ended. A guest that touches a quarter of its data, fresh, in microseconds, copied and mapped:
/// 64 KiB 14 and 30, 256 KiB 23 and 51, 512 KiB 36 and 81, 1 MiB 114 and 138.
pub(crate) const MAX_COPIED: usize = 512 << 10;
