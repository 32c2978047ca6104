//! An answer over HTTP/2, as a test compares it.

use std::fmt;

use http::HeaderMap;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The fields, sorted, as `name: value`. Without `date`, which was checked.
    pub fields: Vec<String>,
    /// The content.
    pub content: Vec<u8>,
    /// The fields behind it.
    pub trailers: Vec<String>,
}

impl Answer {
    pub(super) fn of(status: u16, fields: &HeaderMap) -> Self {
        Self { status, fields: lines(fields), content: Vec::new(), trailers: Vec::new() }
    }

    /// The content, which must be text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("the content is text")
    }

    /// Expects a status and a text.
    pub fn expect(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text()), (status, text), "{self}");
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n\n{}", self.status, self.fields.join("\n"), self.content.escape_ascii())
    }
}

pub(super) fn lines(fields: &HeaderMap) -> Vec<String> {
    let line =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| format!("{name}: {}", value.as_bytes().escape_ascii());
    let mut lines: Vec<_> = fields.iter().map(line).collect();
    lines.sort();
    lines
}
