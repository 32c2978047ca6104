//! The file of an app: a component, or a component with its machine code.

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::component::LoadError;
use crate::component::cache::Stamp;
use crate::component::code::{Owners, Private};
use crate::component::compiled::{Compiled, MAGIC};

/// A file that was read, and not checked.
pub struct Source {
    file: PathBuf,
    content: Content,
    /// What the file was like before it was read. `None`: it cannot be told from another one, or holds more than a
    /// component.
    stamp: Option<Stamp>,
}

enum Content {
    Component(Cow<'static, [u8]>),
    Compiled(Compiled),
}

impl Source {
    /// Reads a component, binary or text, or the output of [`crate::compile`].
    pub fn read(file: &Path) -> Result<Self, LoadError> {
        let unreadable = |reason| LoadError::Unreadable { file: file.into(), reason };
        let mut opened = File::open(file).map_err(unreadable)?;
        let stamp = opened.metadata().ok().and_then(|found| Stamp::of(&found));
        let stamp = stamp.filter(|stamp| stamp.is_settled(SystemTime::now()));
        let mut bytes = Vec::new();
        opened.by_ref().take(MAGIC.len() as u64).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes != MAGIC {
            opened.read_to_end(&mut bytes).map_err(unreadable)?;
            return Ok(Self { stamp, ..Self::from_bytes(bytes, file) });
        }
        match Compiled::read(&opened, Private::prove(&opened, Owners::UserOrRoot)).map_err(unreadable)? {
            Some(compiled) => Ok(Self { file: file.into(), content: Content::Compiled(compiled), stamp: None }),
            None => Err(LoadError::Damaged { file: file.into() }),
        }
    }

    /// A component in memory. `name` is its name in errors and in the log.
    pub fn from_bytes(bytes: impl Into<Cow<'static, [u8]>>, name: impl Into<PathBuf>) -> Self {
        Self { file: name.into(), content: Content::Component(bytes.into()), stamp: None }
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The component, binary or text.
    pub fn component(&self) -> &[u8] {
        match &self.content {
            Content::Component(bytes) => bytes,
            Content::Compiled(compiled) => compiled.component(),
        }
    }

    pub(crate) fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    pub(crate) fn compiled(&self) -> Option<&Compiled> {
        match &self.content {
            Content::Component(_) => None,
            Content::Compiled(compiled) => Some(compiled),
        }
    }
}
