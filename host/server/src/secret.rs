//! Secrets: values that are stored outside of the configuration and never shown.

use std::fs;

use anyhow::{Context, bail};

use crate::config::file::Secret;

/// The value of a secret. Errors do not contain it.
pub(crate) fn secret(name: &str, kept: &Secret) -> anyhow::Result<String> {
    match (&kept.file, &kept.env) {
        (Some(file), _) => {
            let text = fs::read_to_string(file)
                .with_context(|| format!("cannot read the secret {name} in {}", file.display()))?;
            Ok(text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text)).to_owned())
        }
        (None, Some(variable)) => match std::env::var(variable) {
            Ok(value) => Ok(value),
            Err(_) => bail!("the environment variable {variable} of the secret {name} is not set"),
        },
        (None, None) => bail!("the secret {name} has neither file nor env"),
    }
}
