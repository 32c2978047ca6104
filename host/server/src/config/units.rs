//! Values of the file that have a unit, and limits that can be off.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time: `"500ms"`, `"30s"`, `"2m"`, `"1h"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of octets: `"64KiB"`, `"30MB"`, or a bare number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

/// A share of a whole: 0 to 1. In parts of a million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(u32);

impl Default for Share {
    /// All of it.
    fn default() -> Self {
        Self(WHOLE)
    }
}

impl Share {
    /// From 0 to 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }
}

const WHOLE: u32 = 1_000_000;

/// A limit that `"none"` takes off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrNone<T>(pub Option<T>);

impl Time {
    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let number: u64 = number.parse().map_err(|_| refuse_time(text))?;
        let milliseconds = match unit {
            "ms" => Some(number),
            "s" => number.checked_mul(1000),
            "m" => number.checked_mul(60_000),
            "h" => number.checked_mul(3_600_000),
            _ => return Err(refuse_time(text)),
        };
        milliseconds.map(|time| Self(Duration::from_millis(time))).ok_or_else(|| refuse_time(text))
    }
}

fn refuse_time(text: &str) -> String {
    format!("{text:?} is no time; write for example \"500ms\", \"30s\", \"2m\" or \"1h\"")
}

impl Size {
    fn parse(text: &str) -> Result<Self, String> {
        let (number, unit) = split(text);
        let refuse = || format!("{text:?} is no size; write for example \"64KiB\", \"30MB\" or a number of octets");
        let number: u64 = number.parse().map_err(|_| refuse())?;
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        number.checked_mul(factor).map(Self).ok_or_else(refuse)
    }

    /// As many as this machine can address.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.0.as_millis();
        match time {
            0 => write!(f, "0s"),
            _ if time.is_multiple_of(3_600_000) => write!(f, "{}h", time / 3_600_000),
            _ if time.is_multiple_of(60_000) => write!(f, "{}m", time / 60_000),
            _ if time.is_multiple_of(1000) => write!(f, "{}s", time / 1000),
            _ => write!(f, "{time}ms"),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest =
            UNITS.into_iter().find(|(name, factor)| *name != "B" && self.0 > 0 && self.0.is_multiple_of(*factor));
        match largest {
            Some((name, factor)) if factor > 1 => write!(f, "{}{name}", self.0 / factor),
            _ => write!(f, "{}", self.0),
        }
    }
}

/// The largest first, so that a size is shown by the largest that fits.
const UNITS: [(&str, u64); 8] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1000),
    ("B", 1),
    ("", 1),
];

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time such as \"30s\", in quotes")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        Time::parse(text).map_err(E::custom)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as \"64KiB\", or a number of octets")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        Size::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Size, E> {
        u64::try_from(number).map(Size).map_err(|_| E::custom(format!("{number} is no size; it is below 0")))
    }
}

struct ShareVisitor;

impl Visitor<'_> for ShareVisitor {
    type Value = Share;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number from 0 to 1")
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Share, E> {
        match number {
            0.0..=1.0 => Ok(Share((number * f64::from(WHOLE)).round() as u32)),
            _ => Err(E::custom(format!("{number} is out of range; it takes 0 to 1"))),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Share, E> {
        self.visit_f64(number as f64)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ShareVisitor)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_str(TimeVisitor)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(SizeVisitor)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        // The value first as it is, so that what is wrong with it is told in its own words.
        let value = toml::Value::deserialize(from)?;
        if value.as_str() == Some(NONE) {
            return Ok(Self(None));
        }
        T::deserialize(value).map(|value| Self(Some(value))).map_err(|error| {
            de::Error::custom(format!("{}; \"none\" takes the limit off", error.message().trim_end_matches('\n')))
        })
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_f64(self.as_f64())
    }
}

impl<T: Serialize> Serialize for OrNone<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Some(value) => value.serialize(to),
            None => to.serialize_str(NONE),
        }
    }
}

impl JsonSchema for Time {
    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+ *(ms|s|m|h)$" })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": "^[0-9]+ *(B|KB|KiB|MB|MiB|GB|GiB)?$" },
                { "type": "integer", "minimum": 0 },
            ]
        })
    }
}

impl JsonSchema for Share {
    fn schema_name() -> Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1 })
    }
}

impl<T: JsonSchema> JsonSchema for OrNone<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("{}OrNone", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [value, { "const": NONE }] })
    }
}

const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_and_shown_alike() {
        for (text, milliseconds) in [("0s", 0), ("500ms", 500), ("90s", 90_000), ("2m", 120_000), ("1h", 3_600_000)] {
            let time = Time::parse(text).expect(text);
            assert_eq!((time.0, time.to_string()), (Duration::from_millis(milliseconds), text.to_owned()));
        }
        for (text, octets) in [("0", 0), ("64KiB", 65_536), ("30MB", 30_000_000), ("1GiB", 1 << 30), ("1001", 1001)] {
            let size = Size::parse(text).expect(text);
            assert_eq!((size.0, size.to_string()), (octets, text.to_owned()));
        }
        assert_eq!(Size::parse("5 MiB"), Ok(Size(5 << 20)));
    }

    #[test]
    fn what_is_none_is_told_what_to_write() {
        for text in ["", "30", "s", "-1s", "1d", "99999999999999999999s", "18446744073709551615h"] {
            let error = Time::parse(text).expect_err(text);
            assert!(error.contains("\"30s\""), "{error}");
        }
        for text in ["", "KiB", "-1", "1.5MB", "1kb", "99999999999GiB"] {
            let error = Size::parse(text).expect_err(text);
            assert!(error.contains("\"64KiB\""), "{error}");
        }
    }
}
