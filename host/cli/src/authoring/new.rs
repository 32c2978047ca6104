//! `windhover new`: an app to begin with, in a folder of its own.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::args::authoring::New;
use crate::authoring::languages;
use crate::authoring::templates::{self, Template, template};
use windhover_server::say;

/// Writes it, and tells how to go on.
pub(crate) fn new(args: &New) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let name = name_of(folder)?;
    let Some(template) = template(args.language, args.kind) else {
        let kinds = templates::kinds(args.language).join(" or ");
        bail!("this language's tools do not make such components yet; give --kind {kinds}");
    };
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(reason) if reason.kind() == ErrorKind::AlreadyExists => {
            bail!("{} is there already, and nothing is overwritten; choose another name", folder.display())
        }
        Err(reason) => return Err(reason).with_context(|| format!("cannot make {}", folder.display())),
    }
    write(template, name, folder)?;
    say(&format!("Made {}. Go on with:", folder.display()));
    say(&format!("  cd {}\n  windhover build\n  windhover test\n  windhover serve", folder.display()));
    for lack in languages::lacks(args.language) {
        say(&format!("Before that: {lack}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of the app: a package of its language, and an app of a configuration, have to be able to be called so.
fn name_of(folder: &Path) -> anyhow::Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|letter| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if !is_good {
        bail!(
            "{:?} cannot be the name of an app; begin with a small letter and go on with small letters, digits, - and _",
            folder.display().to_string()
        );
    }
    Ok(name)
}

/// Writes a template, with the app's name where its own stands.
fn write(template: &Template, name: &str, folder: &Path) -> anyhow::Result<()> {
    for (path, content) in template.files {
        let file = folder.join(path);
        let parent = file.parent().unwrap_or(folder);
        let renamed = std::str::from_utf8(content).map(|text| {
            let text = text.replace(template.name, name);
            text.replace(&underscored(template.name), &underscored(name))
        });
        let content = renamed.as_ref().map_or(*content, |text| text.as_bytes());
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&file, content))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// As Rust calls what it has built.
fn underscored(name: &str) -> String {
    name.replace('-', "_")
}
