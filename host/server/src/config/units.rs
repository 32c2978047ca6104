//! Values of the file that have a unit, and limits that can be off.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{I64Deserializer, MapAccessDeserializer, StrDeserializer};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A time: `"500ms"`, `"30s"`, `"2m"`, `"1h 30m"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

/// A number of bytes: `"64KiB"`, `"30MB"`, or a bare number.
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

/// A limit that `"none"` turns off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrNone<T>(pub Option<T>);

impl Time {
    fn parse(text: &str) -> Result<Self, String> {
        let refuse = |_| format!("{text:?} is not a time; write for example \"500ms\", \"30s\", \"2m\" or \"1h\"");
        // humantime takes 0 without a unit. No other time goes without one, so this one does not either.
        match text.trim_end_matches(|letter: char| letter.is_ascii_digit()) {
            "" => Err(refuse(humantime::DurationError::Empty)),
            _ => humantime::parse_duration(text).map(Self).map_err(refuse),
        }
    }
}

impl Size {
    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<ByteSize>() {
            // bytesize returns the largest number for every size that is larger.
            Ok(ByteSize(bytes)) if bytes < u64::MAX => Ok(Self(bytes)),
            _ => Err(format!("{text:?} is not a size; write for example \"64KiB\", \"30MB\" or a number of bytes")),
        }
    }

    /// As many as this machine can address.
    pub fn as_usize(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

/// Exact, so that what is shown can be read again; bytesize rounds to a decimal.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.into_iter().find(|(_, factor)| self.0 > 0 && self.0.is_multiple_of(*factor)) {
            Some((name, factor)) => write!(f, "{}{name}", self.0 / factor),
            None => write!(f, "{}", self.0),
        }
    }
}

/// The largest first, so that a size is shown by the largest that fits.
const UNITS: [(&str, u64); 6] = [
    ("GiB", bytesize::GIB),
    ("GB", bytesize::GB),
    ("MiB", bytesize::MIB),
    ("MB", bytesize::MB),
    ("KiB", bytesize::KIB),
    ("KB", bytesize::KB),
];

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Time;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(TIME)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Time, E> {
        Time::parse(text).map_err(E::custom)
    }
}

struct SizeVisitor;

impl Visitor<'_> for SizeVisitor {
    type Value = Size;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(SIZE)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Size, E> {
        Size::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Size, E> {
        u64::try_from(number).map(Size).map_err(|_| E::custom(format!("{number} is not a size; it is below 0")))
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

/// Passes on all but `"none"`, so that what is wrong with a value is said as for the value alone.
struct OrNoneVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OrNoneVisitor<T> {
    type Value = OrNone<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a limit, or \"none\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OrNone<T>, E> {
        match text {
            NONE => Ok(OrNone(None)),
            _ => T::deserialize(StrDeserializer::new(text)).map(|value| OrNone(Some(value))),
        }
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OrNone<T>, E> {
        T::deserialize(I64Deserializer::new(number)).map(|value| OrNone(Some(value)))
    }

    fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<OrNone<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(table)).map(|value| OrNone(Some(value)))
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
        from.deserialize_any(OrNoneVisitor(PhantomData))
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
        json_schema!({ "title": TIME, "type": "string", "pattern": "^([0-9.]+ *[a-z\u{b5}]+ *)+$" })
    }
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": SIZE,
            "anyOf": [
                { "type": "string", "pattern": "^[0-9.]+ *([KMGTPEkmgtpe]i?)?[Bb]?$" },
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

/// What a time is, in the schema and in errors.
pub(crate) const TIME: &str = "a time such as \"30s\", in quotes";

/// What a size is, in the schema and in errors.
pub(crate) const SIZE: &str = "a size such as \"64KiB\", or a number of bytes";

/// The word that turns a limit off.
pub(crate) const NONE: &str = "none";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_and_shown_alike() {
        for (text, milliseconds) in
            [("0s", 0), ("500ms", 500), ("45s", 45_000), ("2m", 120_000), ("1h", 3_600_000), ("1h 30m", 5_400_000)]
        {
            let time = Time::parse(text).expect(text);
            assert_eq!((time.0, time.to_string()), (Duration::from_millis(milliseconds), text.to_owned()));
        }
        assert_eq!(Time::parse("90 s").expect("it is a time").to_string(), "1m 30s");
        for (text, bytes) in [("0", 0), ("64KiB", 65_536), ("30MB", 30_000_000), ("1GiB", 1 << 30), ("1001", 1001)] {
            let size = Size::parse(text).expect(text);
            assert_eq!((size.0, size.to_string()), (bytes, text.to_owned()));
        }
        for (text, bytes) in [("5 MiB", 5 << 20), ("2B", 2), ("1kb", 1000), ("1.5MB", 1_500_000)] {
            assert_eq!(Size::parse(text), Ok(Size(bytes)));
        }
    }

    #[test]
    fn an_error_says_what_to_write_instead() {
        for text in ["", "0", "30", "s", "-1s", "1x", "99999999999999999999s", "18446744073709551615h"] {
            let error = Time::parse(text).expect_err(text);
            assert!(error.contains("\"30s\""), "{error}");
        }
        for text in ["", "KiB", "-1", "5 apples", "99999999999GiB"] {
            let error = Size::parse(text).expect_err(text);
            assert!(error.contains("\"64KiB\""), "{error}");
        }
    }
}
