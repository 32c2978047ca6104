//! `docs/configuration-reference.md` is what the schema says. `just reference` writes it.

#![cfg(unix)] // as the other tests of the command

mod support;

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value};
use support::command;

#[test]
fn the_configuration_reference_is_what_the_schema_says() {
    let printed = command().args(["config", "schema"]).output().expect("the command runs").stdout;
    let schema: Value = serde_json::from_slice(&printed).expect("a schema is JSON");
    let reference = Reference::of(&schema).0;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration-reference.md");
    if std::env::var_os("WINDHOVER_WRITE_REFERENCE").is_some() {
        fs::write(&file, &reference).expect("the checkout can be written to");
    }
    let written = fs::read_to_string(&file).expect("it is in the checkout");
    assert!(written == reference, "docs/configuration-reference.md is older than the schema: run `just reference`");
}

/// The reference as it is written.
struct Reference(String);

impl Reference {
    fn of(schema: &Value) -> Self {
        let mut reference = Self(BEGIN.to_owned());
        reference.section(schema, schema, "");
        reference
    }

    /// A table of the keys of an object, then the sections of the objects among them.
    fn section(&mut self, schema: &Value, object: &Value, path: &str) {
        let properties = object["properties"].as_object().expect("a section has keys");
        let (mut rows, mut sections) = (String::new(), Vec::new());
        for (key, property) in properties {
            let inner = Inner::of(schema, property);
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Some((object, suffix)) = inner.section {
                sections.push((object, format!("{path}{suffix}"), text(property)));
                continue;
            }
            let is_required = object["required"].as_array().is_some_and(|keys| keys.iter().any(|other| other == key));
            let default = match property.get("default") {
                _ if is_required => "required".to_owned(),
                Some(default) => format!("`{}`", inline(default)),
                None => String::new(),
            };
            let _ = writeln!(rows, "| `{key}` | {} | {default} | {} |", inner.takes, text(property));
        }
        if !path.is_empty() && !rows.is_empty() {
            let _ = writeln!(self.0, "\n| key | value | default | meaning |\n|---|---|---|---|\n{}", rows.trim_end());
        }
        for (object, path, text) in sections {
            let header = path.strip_suffix("[]").map_or_else(|| format!("[{path}]"), |path| format!("[[{path}]]"));
            let _ = writeln!(self.0, "\n## `{header}`\n\n{text}");
            self.section(schema, object, &path);
        }
    }
}

/// What a key takes.
struct Inner<'a> {
    /// As words of a table.
    takes: String,
    /// A section of its own, and what stands behind the key in its name.
    section: Option<(&'a Value, &'static str)>,
}

impl<'a> Inner<'a> {
    fn of(schema: &'a Value, property: &'a Value) -> Self {
        let takes = |takes: String| Self { takes, section: None };
        if let Some(name) = property["$ref"].as_str() {
            let name = name.trim_start_matches("#/$defs/");
            let definition = &schema["$defs"][name];
            return match name {
                "Size" => takes("a size: `64KiB`, `30MB`".to_owned()),
                "Time" => takes("a time: `500ms`, `30s`, `5m`, `1h`".to_owned()),
                "Rate" => takes("`{ bytes-per-second = NUMBER, grace = TIME }`".to_owned()),
                _ if definition.get("properties").is_some() => {
                    Self { takes: String::new(), section: Some((definition, "")) }
                }
                _ => Self::of(schema, definition),
            };
        }
        if let Some(variants) = property["anyOf"].as_array() {
            let is_null = |variant: &&Value| variant["type"] == "null";
            let mut rest = variants.iter().filter(|variant| !is_null(variant));
            let first = Self::of(schema, rest.next().expect("there is one"));
            let others: Vec<_> = rest.map(|variant| Self::of(schema, variant).takes).collect();
            return if others.is_empty() || first.section.is_some() {
                first
            } else {
                takes(format!("{}, or {}", first.takes, others.join(", or ")))
            };
        }
        if let Some(variants) = property["oneOf"].as_array() {
            let words = variants.iter().map(|variant| format!("`{}`: {}", inline(&variant["const"]), text(variant)));
            return takes(words.collect::<Vec<_>>().join("<br>"));
        }
        if let Some(constant) = property.get("const") {
            return takes(format!("`\"{}\"`", constant.as_str().unwrap_or_default()));
        }
        if let Some(values) = property.get("additionalProperties").filter(|values| values.is_object()) {
            let inner = Self::of(schema, values);
            return match inner.section {
                Some((object, suffix)) => Self {
                    takes: String::new(),
                    section: Some((object, if suffix.is_empty() { ".NAME" } else { suffix })),
                },
                None => takes(format!("a table: each name with {}", inner.takes)),
            };
        }
        if property["type"] == "array" {
            let inner = Self::of(schema, &property["items"]);
            return match inner.section {
                Some((object, _)) => Self { takes: String::new(), section: Some((object, "[]")) },
                None => takes(format!("a list: each {}", inner.takes)),
            };
        }
        let minimum = property.get("minimum").map(|minimum| format!(" from {minimum}")).unwrap_or_default();
        let maximum = property.get("maximum").map(|maximum| format!(" to {maximum}")).unwrap_or_default();
        let kind = match &property["type"] {
            Value::Array(kinds) => kinds[0].as_str().unwrap_or_default(),
            kind => kind.as_str().unwrap_or_default(),
        };
        takes(match kind {
            "string" => "a string".to_owned(),
            "boolean" => "`true` or `false`".to_owned(),
            "integer" | "number" => format!("a number{minimum}{maximum}"),
            _ => panic!("the reference has no words for {property}"),
        })
    }
}

/// A description in one line of a table.
fn text(value: &Value) -> String {
    let text = value["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// A value as TOML has it in one line.
fn inline(value: &Value) -> String {
    let fields = |fields: &Map<String, Value>| {
        fields.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect::<Vec<_>>().join(", ")
    };
    match value {
        Value::Object(object) if object.is_empty() => "{}".to_owned(),
        Value::Object(object) => format!("{{ {} }}", fields(object)),
        other => other.to_string(),
    }
}

const BEGIN: &str = "# Configuration reference

Every key of `windhover.toml`, as `windhover config schema` describes it. `just reference` writes this page.

Relative paths start at the folder of the file. `NAME` is a name of your choice: letters, digits, `-` and `_`.
[Configuration](configuration.md) explains how the parts work together.
";
