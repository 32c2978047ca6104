//! What is served, as files: an app, and the middleware before it. Put together here for `serve` and `check` alike, so
//! that what is checked is what is served.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use windhover_sandbox::{ComposeError, ComposeWarning, LoadError, Part, compose};

/// An app and the middleware before it.
pub(crate) struct Parts {
    pub(crate) app: File,
    /// The outermost first.
    pub(crate) middleware: Vec<File>,
}

/// A file that was read.
pub(crate) struct File {
    pub(crate) name: PathBuf,
    pub(crate) bytes: Cow<'static, [u8]>,
}

/// One component, made of all parts.
pub(crate) struct Whole<'a> {
    /// Names all of them: `app.wasm behind auth.wasm`.
    pub(crate) name: PathBuf,
    pub(crate) bytes: Cow<'a, [u8]>,
    pub(crate) warnings: Vec<ComposeWarning>,
}

impl Parts {
    /// Reads the files. Without an app it is the welcome app.
    pub(crate) fn read(app: Option<&Path>, middleware: &[PathBuf]) -> Result<Self, LoadError> {
        let app = match app {
            Some(app) => File::read(app)?,
            None => File { name: "the welcome app".into(), bytes: WELCOME.into() },
        };
        Self::before(app, middleware)
    }

    /// Reads the middleware before an app.
    pub(crate) fn before(app: File, middleware: &[PathBuf]) -> Result<Self, LoadError> {
        let middleware = middleware.iter().map(|file| File::read(file)).collect::<Result<_, _>>()?;
        Ok(Self { app, middleware })
    }

    /// Puts them together. An app alone stays as it is.
    pub(crate) fn compose(&self) -> Result<Whole<'_>, ComposeError> {
        if self.middleware.is_empty() {
            let (name, bytes) = (self.app.name.clone(), Cow::Borrowed(&*self.app.bytes));
            return Ok(Whole { name, bytes, warnings: Vec::new() });
        }
        let middleware: Vec<Part<'_>> = self.middleware.iter().map(File::part).collect();
        let composition = compose(self.app.part(), &middleware)?;
        Ok(Whole { name: self.name(), bytes: composition.bytes.into(), warnings: composition.warnings })
    }

    fn name(&self) -> PathBuf {
        let mut name = self.app.name.clone().into_os_string();
        for (at, middleware) in self.middleware.iter().enumerate() {
            name.push(if at == 0 { " behind " } else { ", " });
            name.push(&middleware.name);
        }
        name.into()
    }
}

impl File {
    pub(crate) fn read(file: &Path) -> Result<Self, LoadError> {
        let bytes = fs::read(file).map_err(|reason| LoadError::Unreadable { file: file.into(), reason })?;
        Ok(Self { name: file.into(), bytes: bytes.into() })
    }

    fn part(&self) -> Part<'_> {
        Part { file: &self.name, bytes: &self.bytes }
    }
}

/// The app that is served when none is given; built by `build.rs`.
const WELCOME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/welcome.wasm"));
