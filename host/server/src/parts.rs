//! What is served, as files: an app, and the middleware before it. Put together here for all commands alike, so that
//! what is checked and what is compiled is what is served.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use windhover_sandbox::{Cache, ComposeError, ComposeWarning, Engine, Guest, LoadError, Part, Source, compose};

/// An app and the middleware before it.
pub struct Parts {
    /// The app.
    pub app: Source,
    /// The outermost first.
    pub middleware: Vec<Source>,
}

/// One component, made of all parts.
pub struct Whole<'a> {
    /// Names all of them: `app.wasm behind auth.wasm`.
    pub name: PathBuf,
    /// The component.
    pub bytes: Cow<'a, [u8]>,
    /// What is odd about how they were put together.
    pub warnings: Vec<ComposeWarning>,
    /// An app that stands alone.
    alone: Option<&'a Source>,
}

impl Parts {
    /// Reads the files. Without an app it is the welcome app.
    pub fn read(app: Option<&Path>, middleware: &[PathBuf]) -> Result<Self, LoadError> {
        let app = match app {
            Some(app) => Source::read(app)?,
            None => Source::from_bytes(WELCOME, "the welcome app"),
        };
        Self::before(app, middleware)
    }

    /// Reads the middleware before an app.
    pub fn before(app: Source, middleware: &[PathBuf]) -> Result<Self, LoadError> {
        let middleware = middleware.iter().map(|file| Source::read(file)).collect::<Result<_, _>>()?;
        Ok(Self { app, middleware })
    }

    /// Puts them together. An app alone stays as it is.
    pub fn compose(&self) -> Result<Whole<'_>, ComposeError> {
        if self.middleware.is_empty() {
            let (name, bytes) = (self.app.file().to_owned(), Cow::Borrowed(self.app.component()));
            return Ok(Whole { name, bytes, warnings: Vec::new(), alone: Some(&self.app) });
        }
        let middleware: Vec<Part<'_>> = self.middleware.iter().map(part).collect();
        let composition = compose(part(&self.app), &middleware)?;
        Ok(Whole { name: self.name(), bytes: composition.bytes.into(), warnings: composition.warnings, alone: None })
    }

    fn name(&self) -> PathBuf {
        let mut name = self.app.file().as_os_str().to_owned();
        for (at, middleware) in self.middleware.iter().enumerate() {
            name.push(if at == 0 { " behind " } else { ", " });
            name.push(middleware.file());
        }
        name.into()
    }
}

impl Whole<'_> {
    /// Loads it.
    pub fn load(&self, engine: &Engine, cache: Option<&Cache>) -> Result<Guest, LoadError> {
        match self.alone {
            Some(source) => Guest::from_source(engine, source, cache),
            None => Guest::from_bytes(engine, &self.bytes, &self.name, cache),
        }
    }
}

fn part(source: &Source) -> Part<'_> {
    Part { file: source.file(), bytes: source.component() }
}

/// The app that is served when none is given; built by `build.rs`.
const WELCOME: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/welcome.wasm"));
