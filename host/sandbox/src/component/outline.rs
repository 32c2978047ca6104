//! The names that a component imports and exports, read without compiling it. They show what it is, what it needs, and
//! whether this host has it. `serve`, `check` and compositions all use it.

use std::path::Path;

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, Parser, Payload};
use windhover_contract::Feature;

use super::imports::Imports;
use super::{LoadError, Wasi, World};

/// A component from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Outline {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
}

impl Outline {
    /// Reads a binary component. What it contains beyond names is not looked at, and need not be valid.
    pub(crate) fn read(binary: &[u8], file: &Path) -> Result<Self, LoadError> {
        let outline =
            Self::parse(binary).map_err(|reason| LoadError::Invalid { file: file.into(), reason: reason.into() })?;
        outline.ok_or_else(|| LoadError::TooDeep { file: file.into() })
    }

    /// `None`: it is nested too deeply.
    fn parse(binary: &[u8]) -> Result<Option<Self>, BinaryReaderError> {
        let mut outline = Self { imports: Vec::new(), exports: Vec::new() };
        let mut depth = 0_usize; // what it is made of has imports and exports too
        for payload in Parser::new(0).parse_all(binary) {
            match payload? {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Ok(None);
                    }
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        outline.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        outline.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(Some(outline))
    }

    /// Checks by names whether this host can run it: its world, and its imports.
    pub(crate) fn examine(&self, file: &Path) -> Result<(World, Imports), LoadError> {
        let imports = Imports::read(&self.imports);
        imports.check(file)?;
        match World::of(&self.exports) {
            Some(world) => Ok((world, imports)),
            None => Err(self.refusal(file)),
        }
    }

    /// Refuses imports that neither this host nor another component provides.
    pub(crate) fn check_imports(&self, file: &Path, is_answered: impl Fn(&str) -> bool) -> Result<(), LoadError> {
        Imports::read(self.imports.iter().filter(|name| !is_answered(name))).check(file)
    }

    /// The features it needs of a server.
    pub(crate) fn features(&self) -> Vec<Feature> {
        Imports::read(&self.imports).features
    }

    /// Says that it has no handler.
    pub(crate) fn refusal(&self, file: &Path) -> LoadError {
        self.no_handler(file, self.hint())
    }

    fn no_handler(&self, file: &Path, hint: &'static str) -> LoadError {
        LoadError::NoHandler { file: file.into(), exports: self.exports.clone(), hint }
    }

    /// What to do about a component without a handler.
    fn hint(&self) -> &'static str {
        let has = |prefix: &str| self.exports.iter().any(|name| name.starts_with(prefix));
        let is_draft = |name: &String| {
            let handler = name.strip_prefix("wasi:http/incoming-handler@").or(name.strip_prefix("wasi:http/handler@"));
            handler.is_some_and(Wasi::is_draft)
        };
        if self.exports.iter().any(is_draft) {
            "Its handler belongs to a draft, which differs from WASI 0.2 and 0.3; build it again, with tools that have \
             the release."
        } else if has("wasi:cli/run@") {
            "It is a command-line program (wasi:cli/run); a server needs a handler that is called for each request."
        } else if has("windhover:http/") {
            "It is middleware, which replaces features of the server for an app; serve the app, and name this file \
             with --middleware."
        } else {
            "Build it for the world windhover:http/application, or for a standard world: wasi:http/proxy 0.2 or \
             wasi:http/service 0.3."
        }
    }
}

/// The maximum of nested components. A few are usual. The time for checking grows with the square of the depth.
const MAX_DEPTH: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    /// A component with so many inside of one another, in its binary form.
    fn nested(depth: usize) -> Vec<u8> {
        const HEADER: &[u8] = b"\0asm\x0d\0\x01\0";
        const COMPONENT_SECTION: u8 = 4;
        let mut binary = HEADER.to_vec();
        for _ in 0..depth {
            // A size in LEB128 may have more digits than it needs: so these always have three.
            let size = binary.len();
            let size = [size as u8 | 0x80, (size >> 7) as u8 | 0x80, (size >> 14) as u8 & 0x7f];
            binary = [HEADER, &[COMPONENT_SECTION], &size, &binary].concat();
        }
        binary
    }

    #[test]
    fn what_is_nested_as_no_toolchain_nests_is_refused_at_once() {
        let read = |depth| Outline::read(&nested(depth), Path::new("app.wasm")).map(drop);
        assert!(read(MAX_DEPTH).is_ok());
        for depth in [MAX_DEPTH + 1, 20_000] {
            let refusal = read(depth).expect_err("it is nested too deeply").to_string();
            assert!(refusal.contains("more than 100 nested components"), "{refusal}");
        }
    }
}
