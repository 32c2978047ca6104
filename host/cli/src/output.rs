//! Files that commands write.

use std::io::Write;
use std::path::Path;

use anyhow::Context;

/// Replaces a file atomically. Others may read it, because a server seldom runs as the user who builds. They may not
/// write it, because then the server would not trust the machine code in it.
pub(crate) fn write(out: &Path, content: &[u8]) -> anyhow::Result<()> {
    replace(out, content).with_context(|| format!("cannot write {}", out.display()))
}

fn replace(out: &Path, content: &[u8]) -> anyhow::Result<()> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let mut draft = builder.prefix(".windhover-").tempfile_in(folder)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    draft.persist(out)?;
    Ok(())
}
