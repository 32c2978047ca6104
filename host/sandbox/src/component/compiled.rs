//! A component and its machine code in one file, `.cwasm`. A server that starts from it compiles nothing.
//!
//! The file contains the component too, so every tool that reads apps can read it. If the machine code does not fit
//! this machine, or cannot be trusted, the component is compiled, and the log says why.

use std::fs::File;
use std::io;
use std::path::Path;

use crate::component::code::{Code, Private, Reading, Whole, digest};
use crate::component::load_error::LoadError;
use crate::component::{EngineKind, Footprint, Outline, binary};
use crate::engine::config::{EngineConfig, EngineError};
use crate::engine::settings::compiler;

/// Compiles a component, binary or text, into the content of a `.cwasm` file. `file` is its name in errors.
///
/// Without a target, the code is for the processor of this machine with all of its extensions. With a target, such as
/// `aarch64-unknown-linux-gnu`, it is for every processor of that kind. Fails like [`crate::Guest::load`] if no server
/// could run the component.
pub fn compile(bytes: &[u8], file: &Path, target: Option<&str>) -> Result<Vec<u8>, LoadError> {
    let component = binary(bytes, file)?;
    Outline::read(&component, file)?.examine(file)?;
    // How many parts an engine has room for is its configuration's affair.
    let any_parts = EngineConfig { max_components: u32::MAX, ..EngineConfig::default() };
    Footprint::read(&component, file)?.check(&any_parts, file)?;
    let engine = compiler(EngineKind::of(&component, target), target).map_err(|reason| match target {
        Some(target) => LoadError::Target { target: target.to_owned(), reason },
        None => LoadError::NoEngine { file: file.into(), reason: EngineError(reason) },
    })?;
    let invalid = |reason| LoadError::Invalid { file: file.into(), reason };
    let code = engine.precompile_component(&component).map_err(invalid)?;
    let content = [&(component.len() as u64).to_le_bytes(), &*component, &code].concat();
    Ok([MAGIC, &digest(&content), &content].concat())
}

/// What was read from such a file.
pub(crate) struct Compiled {
    component: Vec<u8>,
    code: Whole,
    private: Result<Private, String>,
}

impl Compiled {
    /// Reads what such a file holds behind its first bytes. `None`: it is damaged.
    pub(crate) fn read(file: &File, private: Result<Private, String>) -> io::Result<Option<Self>> {
        let read = || -> io::Result<_> {
            let mut reading = Reading::begin(file)?;
            let size = reading.take(SIZE as u64)?.try_into().expect("it is as long as asked");
            let component = reading.take(u64::from_le_bytes(size))?;
            Ok((component, reading.code()?))
        };
        match read() {
            Ok((component, Some(code))) => Ok(Some(Self { component, code, private })),
            Ok((_, None)) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn component(&self) -> &[u8] {
        &self.component
    }

    /// Its machine code. `Err`: why it is not to be trusted.
    pub(crate) fn code(&self) -> Result<Code<'_>, &str> {
        match &self.private {
            Ok(private) => Ok(Code::new(&self.code, private)),
            Err(reason) => Err(reason),
        }
    }
}

/// How such a file begins. A digest of the rest follows, the component's size, the component, its machine code.
pub(crate) const MAGIC: &[u8] = b"\0windhover.cwasm";

/// The length of the component's size: 64 bits, the lowest first.
const SIZE: usize = size_of::<u64>();
