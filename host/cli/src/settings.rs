//! The settings that a flag and an environment variable set too. Each is a key of the configuration, so its documentation,
//! default, words and range are those of the schema, and its value is checked like one of the file.

use std::sync::LazyLock;

use clap::builder::{BoolishValueParser, TypedValueParser};
use toml::Value;
use windhover_server::config::check;
use windhover_server::config::schema::{Key, Keys, Kind};

/// A flag that sets a key.
#[derive(Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    /// With `NAME` where a name of the user's choice stands.
    pub(crate) key: &'static str,
    /// What the help shows in place of a path.
    path: Option<&'static str>,
    /// What the help shows as the default, where the schema has none.
    default: Option<&'static str>,
    /// The unit of a size that is a number alone.
    unit: &'static str,
    /// Words of the command line, each with that of the configuration.
    words: &'static [(&'static str, &'static str)],
    /// A switch that sets the key to this word, and its help.
    switch: Option<(&'static str, &'static str)>,
    pub(crate) repeats: Repeats,
}

/// How often a flag may be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Repeats {
    Never,
    /// More than once, with one value each.
    Given,
    /// Also with several values, between which there are commas.
    Commas,
}

/// All of them, in the order of the help.
pub(crate) static FLAGS: [Flag; 33] = [
    flag("middleware", "apps.NAME.middleware").path("M.wasm").repeats(Repeats::Given),
    flag("url", "endpoints.NAME.url").default(DEFAULT_URL).repeats(Repeats::Commas),
    flag("tls-cert", "endpoints.NAME.tls.certificate").path("FILE").default("none"),
    flag("tls-key", "endpoints.NAME.tls.key").path("FILE"),
    flag("tls-password-file", "endpoints.NAME.tls.password-file").path("FILE"),
    flag("tls-min-version", "endpoints.NAME.tls.min-version"),
    flag("tls-client-cert", "endpoints.NAME.tls.client-certificates"),
    flag("tls-client-ca", "endpoints.NAME.tls.client-ca").path("FILE"),
    flag("h2", "endpoints.NAME.protocols").words(&[("on", "http1+http2"), ("off", "http1"), ("only", "http2")]),
    flag("admin-url", "admin.url").default("none"),
    flag("traces-url", "traces.url").default("none"),
    flag("timeout", "apps.NAME.limits.timeout"),
    flag("max-timeout", "apps.NAME.limits.max-timeout"),
    flag("answer-timeout", "apps.NAME.limits.answer-timeout"),
    flag("files", "apps.NAME.grants.files").path("FOLDER").default("none"),
    flag("max-memory", "apps.NAME.limits.max-memory").unit("MiB"),
    flag("max-body-size", "limits.max-request-body-size"),
    flag("max-connections", "limits.max-connections"),
    flag("head-timeout", "limits.request-head-timeout"),
    flag("idle-timeout", "limits.keep-alive-timeout"),
    flag("max-instances", "server.max-instances"),
    flag("max-buffered", "server.max-buffered").unit("MiB"),
    flag("reuse", "apps.NAME.reuse.mode"),
    flag("reuse-requests", "apps.NAME.reuse.max-requests"),
    flag("reuse-concurrency", "apps.NAME.reuse.max-concurrent"),
    flag("reuse-idle", "apps.NAME.reuse.idle"),
    flag("workers", "server.workers"),
    flag("cache", "server.cache").path("FOLDER"),
    flag("no-cache", "server.cache").switch("none", "Keep no compiled apps"),
    flag("log", "log.level"),
    flag("guest-log", "log.guest"),
    flag("access-log", "log.access"),
    flag("log-format", "log.format"),
];

/// Where it is served without an endpoint.
pub(crate) const DEFAULT_URL: &str = "http://127.0.0.1:8080";

const fn flag(name: &'static str, key: &'static str) -> Flag {
    Flag { name, key, path: None, default: None, unit: "", words: &[], switch: None, repeats: Repeats::Never }
}

impl Flag {
    const fn path(self, shown: &'static str) -> Self {
        Self { path: Some(shown), ..self }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn words(self, words: &'static [(&'static str, &'static str)]) -> Self {
        Self { words, ..self }
    }

    const fn switch(self, word: &'static str, help: &'static str) -> Self {
        Self { switch: Some((word, help)), ..self }
    }

    const fn repeats(self, repeats: Repeats) -> Self {
        Self { repeats, ..self }
    }

    /// The environment variable that sets the same key.
    pub(crate) fn variable(&self) -> String {
        format!("WINDHOVER_{}", self.name.to_uppercase().replace('-', "_"))
    }

    /// Whether its value is a path.
    pub(crate) fn is_path(&self) -> bool {
        self.path.is_some()
    }

    /// Whether it needs no value.
    pub(crate) fn is_switch(&self) -> bool {
        self.switch.is_some() || self.schema().kind() == Kind::Switch
    }

    /// Whether its values are the items of a list.
    pub(crate) fn is_list(&self) -> bool {
        self.schema().kind() == Kind::List
    }

    /// The word that it sets its key to where it is on. Off takes that word away.
    pub(crate) fn switched(&self) -> Option<&'static str> {
        self.switch.map(|(word, _)| word)
    }

    /// What the help shows in place of a value.
    pub(crate) fn value_name(&self) -> String {
        match (self.path, self.schema().kind()) {
            _ if self.is_switch() => "WHETHER".to_owned(),
            (Some(path), _) => path.to_owned(),
            (None, Kind::Time) => "TIME".to_owned(),
            (None, Kind::Size) => "SIZE".to_owned(),
            (None, Kind::Number) => "NUMBER".to_owned(),
            (None, Kind::Table | Kind::List | Kind::Text | Kind::Switch | Kind::Word) => {
                self.key.rsplit('.').next().unwrap_or_default().to_uppercase()
            }
        }
    }

    /// The words that it takes, each with its meaning.
    pub(crate) fn meanings(&self) -> Vec<(&'static str, &'static str)> {
        let known = self.schema().words();
        let meaning = |word: &str| known.iter().find(|(name, _)| *name == word).map_or("", |(_, meaning)| meaning);
        match self.words {
            [] => known,
            words => words.iter().map(|(typed, word)| (*typed, meaning(word))).collect(),
        }
    }

    /// The first sentence of the key's documentation, with the default.
    pub(crate) fn short_help(&self) -> String {
        if let Some((_, help)) = self.switch {
            return help.to_owned();
        }
        let description = self.schema().description();
        let sentence = description.split_once(". ").map_or(description, |(first, _)| first).trim_end_matches('.');
        format!("{}{}", sentence.replace('\n', " "), self.default_note())
    }

    /// All of the key's documentation, with the default and the key.
    pub(crate) fn long_help(&self) -> String {
        if self.switch.is_some() {
            return self.short_help();
        }
        let description = self.schema().description().replace('\n', " ");
        format!(
            "{}{}\n\nThe key in a configuration file is {}.",
            description.trim_end_matches('.'),
            self.default_note(),
            self.key
        )
    }

    fn default_note(&self) -> String {
        let schema = self.schema();
        let repeats = if self.repeats == Repeats::Never { "" } else { "; may be given more than once" };
        let default = match (self.default, schema.default()) {
            (Some(default), _) => default.to_owned(),
            (None, Some(serde_json::Value::String(text))) => {
                self.words.iter().find(|(_, word)| word == text).map_or(text.as_str(), |(typed, _)| typed).to_owned()
            }
            (None, Some(default)) => default.to_string(),
            (None, None) => match schema.description().split_once("Absent: ") {
                Some((_, absent)) => absent.split_once(". ").map_or(absent, |(first, _)| first).replace('\n', " "),
                None => return repeats.to_owned(),
            },
        };
        format!("{repeats} [default: {}]", default.trim_end_matches('.'))
    }

    /// What was typed, as a value of the configuration. An error: what it takes instead.
    pub(crate) fn value(&self, typed: &str) -> Result<Value, String> {
        if self.switch.is_some() {
            return is_on(typed).map(Value::Boolean).ok_or_else(|| "it takes true or false".to_owned());
        }
        let value = self.converted(typed);
        let whole = match self.schema().kind() {
            Kind::List => Value::Array(vec![value.clone()]),
            _ => value.clone(),
        };
        check(self.key, whole).map(|()| value)
    }

    /// A number alone is in the unit of the flag, 0 takes off a limit that can be off, and switches know more words.
    fn converted(&self, typed: &str) -> Value {
        let (schema, text) = (self.schema(), || Value::from(typed));
        let is_number = !typed.is_empty() && typed.bytes().all(|letter| letter.is_ascii_digit());
        match schema.kind() {
            _ if schema.takes_none() && typed == "0" => Value::from("none"),
            Kind::Time if is_number => Value::from(format!("{typed}s")),
            Kind::Size if is_number => Value::from(format!("{typed}{}", self.unit)),
            Kind::Number => typed.parse().map_or_else(|_| text(), Value::Integer),
            Kind::Switch => is_on(typed).map_or_else(text, Value::Boolean),
            Kind::Word => Value::from(self.words.iter().find(|(own, _)| *own == typed).map_or(typed, |(_, word)| word)),
            _ => text(),
        }
    }

    fn schema(&self) -> Key<'static> {
        static KEYS: LazyLock<Keys> = LazyLock::new(Keys::new);
        KEYS.get(self.key).expect("the key is in the schema: a test looks at each")
    }
}

/// As every switch of the command line is on or off.
fn is_on(typed: &str) -> Option<bool> {
    BoolishValueParser::new().parse_ref(&clap::Command::default(), None, typed.as_ref()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_sets_a_key_that_is_documented() {
        for flag in &FLAGS {
            assert!(!flag.short_help().is_empty() && !flag.value_name().is_empty(), "{}", flag.name);
            for (word, meaning) in flag.meanings() {
                assert!(flag.value(word).is_ok() && !meaning.is_empty(), "{} {word}", flag.name);
            }
        }
    }

    #[test]
    fn a_number_alone_has_the_unit_of_its_flag() {
        let value = |name: &str, typed: &str| {
            let flag = FLAGS.iter().find(|flag| flag.name == name).expect("there is such a flag");
            flag.value(typed).map(|value| value.to_string())
        };
        for (name, typed, expected) in [
            ("timeout", "5", "\"5s\""),
            ("timeout", "500ms", "\"500ms\""),
            ("max-memory", "64", "\"64MiB\""),
            ("max-memory", "1GiB", "\"1GiB\""),
            ("max-body-size", "64", "\"64\""),
            ("max-body-size", "0", "\"none\""),
            ("max-connections", "none", "\"none\""),
            ("workers", "2", "2"),
            ("access-log", "off", "false"),
            ("h2", "only", "\"http2\""),
        ] {
            assert_eq!(value(name, typed), Ok(expected.to_owned()), "{name} {typed}");
        }
        for (name, typed, expected) in [
            ("timeout", "soon", "\"soon\" is not a time; write for example"),
            ("workers", "0", "it takes a number of 1 and more, and not 0"),
            ("workers", "two", "it takes a number of 1 and more, and not \"two\""),
            ("log", "loud", "there is no \"loud\"; it takes off, error, warn, info, debug, trace"),
            ("access-log", "maybe", "it takes true or false, and not \"maybe\""),
        ] {
            let error = value(name, typed).expect_err(typed);
            assert!(error.starts_with(expected), "{name} {typed}: {error}");
        }
    }
}
