//! `windhover new`: creates an app in a new folder.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::args::authoring::New;
use crate::authoring::languages;
use crate::authoring::templates::{self, Template, template};
use windhover_server::say;

/// Writes the files, and prints the next steps.
pub(crate) fn new(args: &New) -> anyhow::Result<ExitCode> {
    let folder = &args.folder;
    let name = name_of(folder)?;
    let Some(template) = template(args.language, args.kind) else {
        let kinds = templates::kinds(args.language).join(" or ");
        bail!("the tools of this language cannot build such components yet; use --kind {kinds}");
    };
    match fs::create_dir(folder) {
        Ok(()) => {}
        Err(reason) if reason.kind() == ErrorKind::AlreadyExists => {
            bail!("{} already exists, and nothing is overwritten; choose another name", folder.display())
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

/// The name of the app. It must be valid as a package of its language and as an app of a configuration.
fn name_of(folder: &Path) -> anyhow::Result<&str> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_good = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|letter| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
    if !is_good {
        bail!(
            "{:?} cannot be the name of an app; use lower-case letters, digits, - and _, and begin with a letter",
            folder.display().to_string()
        );
    }
    Ok(name)
}

/// Writes a template, with the app's name in place of the template's.
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

/// The name in the form of Rust's build output.
fn underscored(name: &str) -> String {
    name.replace('-', "_")
}
