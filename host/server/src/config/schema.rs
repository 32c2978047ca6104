//! The schema of the configuration, and what it says about each key: its documentation, default, words and range. Checks,
//! error messages, flags and the reference read it from here, so that it is written once, at the types in `file`.

use schemars::JsonSchema;
use serde_json::Value;

use super::file::File;
use super::units::{NONE, SIZE, TIME};

/// The schema of the file: every key with its documentation, its default and its range.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(File)
}

/// A schema whose keys can be looked up.
#[derive(Debug)]
pub struct Keys(Value);

/// What the schema says about a key.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    root: &'a Value,
    /// Where the key is declared, with its documentation and default.
    declared: &'a Value,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table.
    Table,
    /// A list.
    List,
    /// Text.
    Text,
    /// A number.
    Number,
    /// `true` or `false`.
    Switch,
    /// One of some words.
    Word,
    /// A time with its unit.
    Time,
    /// A number of bytes, with its unit.
    Size,
}

impl Keys {
    /// The keys of the configuration.
    pub fn new() -> Self {
        Self::of::<File>()
    }

    /// The keys of another type.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Self(serde_json::to_value(schemars::schema_for!(T)).expect("a schema is JSON"))
    }

    /// The configuration as a whole.
    pub fn root(&self) -> Key<'_> {
        Key { root: &self.0, declared: &self.0 }
    }

    /// A key with dots. A name of the user's choice may be any.
    pub fn get(&self, key: &str) -> Option<Key<'_>> {
        key.split('.').try_fold(self.root(), |key, step| key.child(step))
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self::new()
    }
}

impl<'a> Key<'a> {
    /// Whether it has keys.
    pub(crate) fn is_table(self) -> bool {
        self.with(&["properties", "additionalProperties"]).is_some()
    }

    /// A key of this table.
    pub fn child(self, name: &str) -> Option<Self> {
        let table = self.with(&["properties", "additionalProperties"])?;
        let known = table.get("properties").and_then(|known| known.get(name));
        let declared = known.or_else(|| table.get("additionalProperties").filter(|others| others.is_object()))?;
        Some(Self { declared, ..self })
    }

    /// An item of this list.
    pub fn item(self) -> Option<Self> {
        Some(Self { declared: self.with(&["items"])?.get("items")?, ..self })
    }

    /// The keys of this table, but for names of the user's choice.
    pub fn names(self) -> Vec<&'a str> {
        let table = self.with(&["properties"]).and_then(|table| table.get("properties")?.as_object());
        table.map(|known| known.keys().map(String::as_str).collect()).unwrap_or_default()
    }

    /// Its documentation.
    pub fn description(self) -> &'a str {
        self.with(&["description"]).and_then(|node| node["description"].as_str()).unwrap_or_default()
    }

    /// Its default, if it has one that is a value.
    pub fn default(self) -> Option<&'a Value> {
        self.declared.get("default").filter(|default| !default.is_null())
    }

    /// What it takes.
    pub fn kind(self) -> Kind {
        if self.with(&["title"]).is_some_and(|node| node["title"] == TIME) {
            return Kind::Time;
        } else if self.with(&["title"]).is_some_and(|node| node["title"] == SIZE) {
            return Kind::Size;
        } else if !self.words().is_empty() {
            return Kind::Word;
        }
        match self.with(&["type"]).and_then(|node| plain_type(node)) {
            Some("object") => Kind::Table,
            Some("array") => Kind::List,
            Some("boolean") => Kind::Switch,
            Some("integer" | "number") => Kind::Number,
            _ => Kind::Text,
        }
    }

    /// The words that it takes, each with its documentation.
    pub fn words(self) -> Vec<(&'a str, &'a str)> {
        let variants = self.with(&["oneOf"]).and_then(|node| node["oneOf"].as_array());
        let word = |variant: &'a Value| {
            Some((variant.get("const")?.as_str()?, variant["description"].as_str().unwrap_or_default()))
        };
        variants.into_iter().flatten().filter_map(word).collect()
    }

    /// Whether it is a limit that `"none"` turns off.
    pub fn takes_none(self) -> bool {
        self.with(&["anyOf"]).and_then(|node| node["anyOf"].as_array()).is_some_and(|alternatives| {
            alternatives.iter().any(|alternative| alternative.get("const").is_some_and(|word| word == NONE))
        })
    }

    /// What it takes, in words.
    pub fn takes(self) -> String {
        if let Some(title) = self.with(&["title"]).and_then(|node| node["title"].as_str()) {
            return title.to_owned();
        }
        match self.kind() {
            Kind::Table => "a table".to_owned(),
            Kind::List => "a list in brackets, such as [\"a\", \"b\"]".to_owned(),
            Kind::Text => "text in quotes".to_owned(),
            Kind::Switch => "true or false".to_owned(),
            Kind::Word => self.words().into_iter().map(|(word, _)| word).collect::<Vec<_>>().join(", "),
            Kind::Time => TIME.to_owned(),
            Kind::Size => SIZE.to_owned(),
            Kind::Number => {
                let number = self.with(&["type"]).unwrap_or(self.declared);
                let bound = |name: &str| number.get(name).filter(|bound| bound.as_u64() != Some(0));
                match (bound("minimum"), bound("maximum")) {
                    (None, None) => "a number".to_owned(),
                    (Some(least), None) => format!("a number of {least} and more"),
                    (least, Some(most)) => {
                        format!("a number from {} to {most}", least.unwrap_or(&Value::from(0)))
                    }
                }
            }
        }
    }

    /// The first of the schemas behind this key that has one of these.
    fn with(self, has: &[&str]) -> Option<&'a Value> {
        self.first_with(self.declared, has)
    }

    fn first_with(self, node: &'a Value, has: &[&str]) -> Option<&'a Value> {
        if has.iter().any(|key| node.get(key).is_some_and(|value| !value.is_boolean())) {
            return Some(node);
        }
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return self.first_with(self.root.pointer(reference.strip_prefix('#')?)?, has);
        }
        let alternatives = ["anyOf", "allOf", "oneOf"].into_iter().filter_map(|key| node.get(key)?.as_array());
        alternatives.flatten().find_map(|alternative| self.first_with(alternative, has))
    }
}

/// The type of a value that may be absent is a list with `null` in it.
fn plain_type(node: &Value) -> Option<&str> {
    match &node["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).find(|name| *name != "null"),
        name => name.as_str(),
    }
}
