//! Keys that mean nothing, found by the schema, so that what is documented and what is taken is the same.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::text::{Step, Text, dotted};

/// A mistake for each key that the schema does not know.
pub(crate) fn unknown_keys(text: &Text, table: &DeTable<'_>, schema: &Value) -> Vec<Mistake> {
    let mut search = Search { text, schema, found: Vec::new() };
    search.table(table, schema, &mut Vec::new());
    search.found
}

struct Search<'a> {
    text: &'a Text,
    schema: &'a Value,
    found: Vec<Mistake>,
}

impl<'a> Search<'a> {
    fn table<'t>(&mut self, table: &'t DeTable<'_>, node: &'a Value, path: &mut Vec<Step<'t>>) {
        let Some(node) = self.with(node, &["properties", "additionalProperties"]) else { return };
        let known = node.get("properties").and_then(Value::as_object);
        let others = node.get("additionalProperties").filter(|others| others.is_object());
        for (key, value) in table {
            path.push(Step::Key(key.get_ref()));
            match known.and_then(|known| known.get(key.get_ref().as_ref())).or(others) {
                Some(node) => self.value(value, node, path),
                None => {
                    let names = known.map(|known| known.keys().map(String::as_str).collect()).unwrap_or_default();
                    let problem = format!("there is no such key; {}", remedy(key.get_ref(), names));
                    let place = Some(self.text.place(key.span().start));
                    self.found.push(Mistake { place, key: dotted(path), problem });
                }
            }
            path.pop();
        }
    }

    fn value<'t>(&mut self, value: &'t Spanned<DeValue<'_>>, node: &'a Value, path: &mut Vec<Step<'t>>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, node, path),
            DeValue::Array(items) => {
                let Some(node) = self.with(node, &["items"]).and_then(|node| node.get("items")) else { return };
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::At(index));
                    self.value(item, node, path);
                    path.pop();
                }
            }
            _ => {}
        }
    }

    /// The first of the schemas behind a node that has one of these.
    fn with(&self, node: &'a Value, has: &[&str]) -> Option<&'a Value> {
        if has.iter().any(|key| node.get(key).is_some_and(|value| !value.is_boolean())) {
            return Some(node);
        }
        if let Some(reference) = node.get("$ref").and_then(Value::as_str) {
            return self.with(self.schema.pointer(reference.strip_prefix('#')?)?, has);
        }
        let alternatives = ["anyOf", "allOf", "oneOf"].into_iter().filter_map(|key| node.get(key)?.as_array());
        alternatives.flatten().find_map(|alternative| self.with(alternative, has))
    }
}

/// The key that was meant, if one is near, or else what there is.
fn remedy(key: &str, mut known: Vec<&str>) -> String {
    let distance = |name: &str| strsim::damerau_levenshtein(key, name);
    let is_near = |name: &&&str| distance(name) <= 1 + key.len() / 4 || strsim::jaro_winkler(key, name) > 0.85;
    match known.iter().filter(is_near).min_by_key(|name| distance(name)) {
        Some(name) => format!("do you mean {name}?"),
        None => {
            known.sort_unstable();
            format!("there is {}", known.join(", "))
        }
    }
}
