//! Generators of bindings from a language's own package registry, if they are installed.

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use wit_bindgen_core::Files;

/// A generator of bindings.
pub(super) struct Tool {
    name: &'static str,
    /// Where a build installs it.
    local: &'static str,
    /// The environment variable and the folder of its packages, if it needs them.
    packages: Option<(&'static str, &'static str)>,
    arguments: fn(wit: &Path, world: &str, out: &Path) -> Vec<String>,
    /// How to install it.
    remedy: &'static str,
}

/// The types of the WIT in TypeScript. JavaScript does not need them; editors use them.
pub(super) const JCO: Tool = Tool {
    name: "jco",
    local: "node_modules/.bin/jco",
    packages: None,
    arguments: |wit, world, out| {
        let [wit, out] = [wit, out].map(|path| path.display().to_string());
        ["guest-types", &wit, "--world-name", world, "--out-dir", &out, "--quiet"].map(str::to_owned).into()
    },
    remedy: "`windhover build` installs it with what the app needs, or npm does: npm install --save-dev \
             @bytecodealliance/jco",
};

/// For editors: the build generates its own bindings.
pub(super) const COMPONENTIZE_PY: Tool = Tool {
    name: "componentize-py",
    local: "build/python/bin/componentize-py",
    packages: Some(("PYTHONPATH", "build/python")),
    arguments: |wit, world, out| {
        let [wit, out] = [wit, out].map(|path| path.display().to_string());
        ["--quiet", "--wit-path", &wit, "--world", world, "bindings", &out].map(str::to_owned).into()
    },
    remedy: "`windhover build` installs it in build/python, or pip does: python3 -m pip install componentize-py==0.25.1",
};

impl Tool {
    /// Runs it for a world, and reads the bindings that it writes.
    pub(super) fn files(&self, wit: &Path, world: &str) -> anyhow::Result<Files> {
        let folder = tempfile::tempdir().context("cannot make a folder for what is written")?;
        let out = folder.path().join("bindings"); // not there yet, which some want
        let mut command = self.command();
        let output = command.args((self.arguments)(wit, world, &out)).stdin(Stdio::null()).output();
        let output = match output {
            Err(reason) if reason.kind() == ErrorKind::NotFound => {
                bail!(
                    "bindings of this language are written by {}, which is not installed.\n{}",
                    self.name,
                    self.remedy
                )
            }
            output => output.with_context(|| format!("cannot run {}", self.name))?,
        };
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("{} cannot make bindings of {}:\n{}", self.name, wit.display(), said.trim_end());
        }
        let mut files = Files::default();
        collect(&out, &out, &mut files).with_context(|| format!("cannot read what {} wrote", self.name))?;
        Ok(files)
    }

    fn command(&self) -> Command {
        if !Path::new(self.local).exists() {
            return Command::new(self.name);
        }
        let mut command = Command::new(self.local);
        if let Some((variable, folder)) = self.packages {
            command.env(variable, folder);
        }
        command
    }
}

/// All files below a folder, by their relative paths.
fn collect(folder: &Path, root: &Path, files: &mut Files) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            // What Python leaves beside what it has read.
            if path.file_name() != Some(OsStr::new("__pycache__")) {
                collect(&path, root, files)?;
            }
        } else {
            let name: PathBuf = path.strip_prefix(root).expect("it is below it").into();
            files.push(&name.display().to_string(), &fs::read(&path)?);
        }
    }
    Ok(())
}
