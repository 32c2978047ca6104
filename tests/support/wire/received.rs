//! A response, parsed as far as a test compares it.

use std::fmt;

use super::is_date;

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// For example `HTTP/1.1 200 OK`.
    pub status_line: String,
    /// The fields, sorted, as `name: value`. Without `date`, which was checked to be there once and to be a date.
    pub fields: Vec<String>,
    /// How the content's end is found.
    pub framing: Framing,
    /// The content without its framing. Empty in what `Wire::receive_head` gives.
    pub content: Vec<u8>,
}

/// How the end of a response's content is found (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no content: 1xx, 204, 304.
    None,
    /// By `content-length`.
    Length(usize),
    /// By `transfer-encoding: chunked`.
    Chunked,
    /// By the end of the connection.
    Close,
}

impl Received {
    pub(super) fn parse(head: String) -> Self {
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let status_line = lines.next().expect("splitting gives at least one part");
        let mut fields: Vec<String> = lines.collect();
        let status = status_line.split(' ').nth(1).unwrap_or_else(|| panic!("no status in {status_line:?}")).to_owned();
        let interim = status.starts_with('1');
        if !interim {
            let date = fields.iter().position(|field| field.starts_with("date: "));
            let date = fields.remove(date.unwrap_or_else(|| panic!("no date in {head:?}")));
            assert!(is_date(&date.as_bytes()["date: ".len()..]), "{date:?} is no date");
        }
        fields.sort();
        let value = |name: &str| fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix(": "));
        let framing = match (value("transfer-encoding"), value("content-length")) {
            _ if interim || ["204", "304"].contains(&status.as_str()) => Framing::None,
            (Some(_), Some(_)) => panic!("two framings in {head:?}"),
            (Some(coding), None) => {
                assert_eq!(coding, "chunked", "the only coding there is");
                Framing::Chunked
            }
            (None, Some(length)) => Framing::Length(length.parse().expect("a content-length is a number")),
            (None, None) => Framing::Close,
        };
        Self { status_line, fields, framing, content: Vec::new() }
    }

    /// The value of a field that comes at most once.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find_map(|field| field.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The content as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.content).expect("a test that asks for text expects text")
    }
}

impl fmt::Display for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?} {}", self.status_line, self.fields, self.content.escape_ascii())
    }
}
