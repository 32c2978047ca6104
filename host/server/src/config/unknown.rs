//! Finds unknown keys with the schema, so that the documented keys and the accepted ones are the same.
//!
//! Not `serde_ignored`: it would need types without `deny_unknown_fields`, which is what closes the tables in the schema
//! for editors, and it knows neither the line nor which keys there are instead.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::Mistake;
use super::schema::Key;
use super::text::{Dotted, Step, Text};

/// A mistake for each key that the schema does not know.
pub(crate) fn unknown_keys(text: &Text, table: &DeTable<'_>, root: Key<'_>) -> Vec<Mistake> {
    let mut search = Search { text, found: Vec::new() };
    search.table(table, root, &mut Vec::new());
    search.found
}

struct Search<'a> {
    text: &'a Text,
    found: Vec<Mistake>,
}

impl Search<'_> {
    fn table(&mut self, table: &DeTable<'_>, known: Key<'_>, path: &mut Vec<Step>) {
        if !known.is_table() {
            return; // its type is wrong, which is an error of its own
        }
        for (name, value) in table {
            path.push(Step::from(name.get_ref().as_ref()));
            match known.child(name.get_ref()) {
                Some(key) => self.value(value, key, path),
                None => {
                    let problem = format!("there is no such key; {}", remedy(name.get_ref(), known.names()));
                    let place = Some(self.text.place(name.span().start));
                    self.found.push(Mistake { place, key: Dotted(path).to_string(), problem });
                }
            }
            path.pop();
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, key: Key<'_>, path: &mut Vec<Step>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, key, path),
            DeValue::Array(items) => {
                let Some(key) = key.item() else { return };
                for (index, item) in items.iter().enumerate() {
                    path.push(Step::At(index));
                    self.value(item, key, path);
                    path.pop();
                }
            }
            _ => {}
        }
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
