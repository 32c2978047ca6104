//! `windhover config`: checks a file, shows its values with defaults, and prints the schema.

use std::process::ExitCode;

use windhover_server::config::Config;
use windhover_server::config::schema::schema;
use windhover_server::config::text::Step;
use windhover_server::say;

use crate::args::{ConfigCommand, ConfigFile};

/// Runs the command. The exit code is 0 if the file has no errors.
pub(crate) fn config(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check(ConfigFile { file }) => match Config::read(file) {
            Ok(config) => {
                let (endpoints, apps) = (config.written.endpoints.len().max(1), config.written.apps.len().max(1));
                say(&format!("{} is valid: {}, {}", file.display(), count(apps, "app"), count(endpoints, "endpoint")));
                Ok(ExitCode::SUCCESS)
            }
            Err(mistakes) => {
                say(&mistakes.to_string());
                Ok(ExitCode::FAILURE)
            }
        },
        ConfigCommand::Show(ConfigFile { file }) => {
            say(shown(&Config::read(file)?).trim_end());
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Schema => {
            say(&serde_json::to_string_pretty(&schema()).expect("a schema is JSON"));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// The configuration as TOML. A comment says where each value that is not a default comes from.
pub(crate) fn shown(config: &Config) -> String {
    let text = toml::to_string(&config.written).expect("what was read from TOML can be written as TOML");
    let mut table: Vec<String> = Vec::new();
    let mut shown = String::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = keys(header.trim_matches(['[', ']']));
        }
        shown.push_str(line);
        let assigned = line.split_once(" = ").filter(|_| !line.starts_with('['));
        if let Some((key, _)) = assigned {
            let path: Vec<Step> = table.iter().cloned().chain(keys(key)).map(Step::Key).collect();
            if let Some(origin) = config.origins.of(&path) {
                shown.push_str(&format!("  # {origin}"));
            }
        }
        shown.push('\n');
    }
    shown
}

/// The keys of a dotted key.
fn keys(dotted: &str) -> Vec<String> {
    let (mut keys, mut key, mut is_quoted) = (Vec::new(), String::new(), false);
    for letter in dotted.chars() {
        match letter {
            '"' | '\'' => is_quoted = !is_quoted,
            '.' if !is_quoted => keys.push(std::mem::take(&mut key)),
            letter => key.push(letter),
        }
    }
    keys.push(key);
    keys
}

/// A default configuration says the same as no file at all.
#[cfg(test)]
mod tests {
    use super::*;
    use windhover_server::config::Document;
    use windhover_server::config::file::File;

    #[test]
    fn what_is_shown_can_be_read_again_and_says_the_same() {
        let config = Config::of(Document::default()).expect("the defaults are good");
        let shown = shown(&config);
        let again: File = toml::from_str(&shown).expect("it is a file");
        assert_eq!(toml::to_string(&again).expect("it is TOML"), toml::to_string(&config.written).expect("it is TOML"));
    }
}
