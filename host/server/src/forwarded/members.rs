//! The members of a list, from the last to the first: the nearest proxy has written the last one. What stands before it may
//! be anybody's, so nothing of that can change how the last one is read. Crates for these fields read from the left.

use http::HeaderMap;
use http::header::{GetAll, HeaderValue, ValueIter};

/// The members of a list that may stand in several lines. Empty ones are members too, although RFC 9110 §5.6.1 leaves them
/// out: a proxy that does not know writes one, and what stands before it is a claim of somebody else.
pub(super) struct Members<'a> {
    lines: std::iter::Rev<ValueIter<'a, HeaderValue>>,
    /// What is left of the line that is read.
    rest: Option<&'a [u8]>,
    split: fn(&[u8]) -> Option<usize>,
}

impl<'a> Members<'a> {
    /// Those of the field with this name, separated by commas.
    pub(super) fn of(fields: &'a HeaderMap, name: &str) -> Self {
        Self::new(fields.get_all(name), |line| line.iter().rposition(|byte| *byte == b','))
    }

    /// The same, where commas in quoted strings separate nothing.
    pub(super) fn quoted(fields: &'a HeaderMap, name: &str) -> Self {
        Self::new(fields.get_all(name), last_comma)
    }

    fn new(lines: GetAll<'a, HeaderValue>, split: fn(&[u8]) -> Option<usize>) -> Self {
        Self { lines: lines.into_iter().rev(), rest: None, split }
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = match self.rest.take() {
            Some(line) => line,
            None => self.lines.next()?.as_bytes(),
        };
        let (rest, member) = match (self.split)(line) {
            Some(comma) => (Some(&line[..comma]), &line[comma + 1..]),
            None => (None, line),
        };
        self.rest = rest;
        Some(member.trim_ascii())
    }
}

/// The last comma that is not in a quoted string.
fn last_comma(line: &[u8]) -> Option<usize> {
    let mut is_quoted = false;
    let mut at = line.len();
    while at > 0 {
        at -= 1;
        match line[at] {
            b',' if !is_quoted => return Some(at),
            b'"' if !is_quoted => is_quoted = true,
            b'"' => {
                let escapes = line[..at].iter().rev().take_while(|byte| **byte == b'\\').count();
                is_quoted = escapes % 2 == 1;
                at -= escapes;
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarded::fields;

    #[test]
    fn members_are_read_from_the_last_line_and_its_end() {
        let fields = fields(&[("a", "1, 2,,"), ("b", "no"), ("a", ""), ("a", " , 3 ,4")]);
        let members: Vec<_> = Members::of(&fields, "a").collect();
        assert_eq!(members, [&b"4"[..], b"3", b"", b"", b"", b"", b"2", b"1"]);
        assert_eq!(Members::of(&fields, "c").next(), None);
    }

    #[test]
    fn what_stands_before_a_member_cannot_change_how_it_is_read() {
        for (line, last) in [
            ("for=\"a, b\"", "for=\"a, b\""),
            ("x, for=\"a, b\"", "for=\"a, b\""),
            ("for=\"evil, for=b", "for=b"),
            ("for=\"evil, for=\"b\"", "for=\"b\""),
            ("\", for=\"b, c\"", "for=\"b, c\""),
            ("x, a=\"b\\\", c\"", "a=\"b\\\", c\""),
            ("x, a=\"b\\\\\", c", "c"),
            ("x, a=\"b, c\\\\\"", "a=\"b, c\\\\\""),
        ] {
            let fields = fields(&[("forwarded", line)]);
            let first = Members::quoted(&fields, "forwarded").next().map(|member| member.escape_ascii().to_string());
            assert_eq!(first, Some(last.as_bytes().escape_ascii().to_string()), "{line}");
        }
    }

    #[test]
    fn ten_thousand_members_are_read_one_by_one() {
        let line = "a,".repeat(10_000);
        let fields = fields(&[("x", &line)]);
        assert_eq!(Members::of(&fields, "x").count(), 10_001);
        assert_eq!(Members::quoted(&fields, "x").count(), 10_001);
    }
}
