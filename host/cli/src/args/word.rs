//! A flag that takes one of the words that the configuration takes too: they, and what they mean, stand in its schema alone.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A parser for the words of a type, with their meaning for the help.
pub(super) fn word<T: JsonSchema + DeserializeOwned + Clone + Send + Sync + 'static>()
-> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words::<T>())
        .map(|word| serde_json::from_value(Value::String(word)).expect("it is a word of its schema"))
}

fn words<T: JsonSchema>() -> Vec<PossibleValue> {
    let schema = schema_for!(T);
    let variants = schema.get("oneOf").and_then(Value::as_array).expect("a type of words is one of several");
    let word = |variant: &Value| {
        let text = |key: &str| variant[key].as_str().unwrap_or_default().to_owned();
        PossibleValue::new(text("const")).help(text("description"))
    };
    variants.iter().map(word).collect()
}
