//! Values of a document as the types of `file` read them. An error keeps its parts (what was there, which words are known,
//! which key is missing), so that messages are made of them and of the schema, and not of serde's sentences. That is why
//! TOML's own deserializer is not used here: its errors are sentences.

use std::fmt;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeOwned, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde_path_to_error::{Path, Segment};
use toml::Value;

use super::schema::Key;
use super::text::Step;

/// What is wrong with a value, and where.
#[derive(Debug)]
pub(crate) struct Wrong {
    /// The keys and positions that lead to it.
    pub(crate) path: Vec<Step>,
    problem: Problem,
}

#[derive(Debug)]
pub(crate) enum Problem {
    /// It takes something else. This was there.
    Unexpected(String),
    UnknownWord {
        word: String,
        known: &'static [&'static str],
    },
    Missing(&'static str),
    Other(String),
}

/// Reads a value.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Wrong> {
    serde_path_to_error::deserialize(Reader(value))
        .map_err(|error| Wrong { path: steps(error.path()), problem: error.into_inner() })
}

impl Wrong {
    /// What is wrong, and what to write instead.
    pub(crate) fn message(&self, root: Key<'_>) -> String {
        let at = self.path.iter().try_fold(root, |key, step| match step {
            Step::Key(name) => key.child(name),
            Step::At(_) => key.item(),
        });
        let message = match (&self.problem, at) {
            (Problem::Unexpected(found), Some(key)) => format!("it takes {}, and not {found}", key.takes()),
            (Problem::UnknownWord { word, known }, _) => {
                format!("there is no {word:?}; it takes {}", known.join(", "))
            }
            (problem, _) => problem.to_string(),
        };
        match at {
            Some(key) if key.takes_none() => format!("{message}; \"none\" turns the limit off"),
            _ => message,
        }
    }
}

fn steps(path: &Path) -> Vec<Step> {
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::At(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexpected(found) => write!(f, "it does not take {found}"),
            Self::UnknownWord { word, .. } => write!(f, "there is no {word:?}"),
            Self::Missing(key) => write!(f, "{key} is missing"),
            Self::Other(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::Other(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Unexpected(named(found))
    }

    fn invalid_value(found: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Unexpected(named(found))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::UnknownWord { word: word.to_owned(), known }
    }

    fn missing_field(key: &'static str) -> Self {
        Self::Missing(key)
    }
}

fn named(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a table".to_owned(),
        other => other.to_string(),
    }
}

/// A value that is read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Value);

impl<'de> Deserializer<'de> for Reader<'de> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        match self.0 {
            Value::String(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => visitor.visit_i64(*number),
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Boolean(value) => visitor.visit_bool(*value),
            Value::Datetime(time) => {
                Err(de::Error::invalid_type(Unexpected::Other(&format!("the date {time}")), &visitor))
            }
            Value::Array(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(Reader))),
            Value::Table(table) => {
                let entries = table.iter().map(|(key, value)| (key.as_str(), Reader(value)));
                visitor.visit_map(MapDeserializer::new(entries))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Problem> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Problem> {
        match self.0 {
            Value::String(word) => visitor.visit_enum(IntoDeserializer::<Problem>::into_deserializer(word.as_str())),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

impl<'de> IntoDeserializer<'de, Problem> for Reader<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
