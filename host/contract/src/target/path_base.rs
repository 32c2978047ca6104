//! The part of a path that leads to an application (ASP.NET Core: `PathBase`, HTTP.sys: the path of a URL prefix).

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The part of a path that leads to an application. Case matters, as it does in paths. Default: empty, which every
/// path is below.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct PathBase(Option<Arc<Forms>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Forms {
    /// As paths are compared: see [`crate::Target::path`].
    text: String,
    /// As it stands in a link.
    escaped: String,
}

/// Why text is no path base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathBaseError {
    /// It is relative.
    #[error("it does not begin with /")]
    Relative,
    /// It has an empty segment, which no client writes on purpose.
    #[error("it has an empty segment (//)")]
    EmptySegment,
    /// It has a segment `.` or `..`, which never reach an application.
    #[error("it has a segment that is . or ..")]
    DotSegment,
    /// It has a `?` or `#`, which end a path.
    #[error("it has a ? or #, which end a path")]
    Query,
    /// It has an escape. It is written as text: `/a b`, not `/a%20b`.
    #[error("it has a %; write it unescaped")]
    Escaped,
    /// It has a control character.
    #[error("it has a control character")]
    Control,
}

impl PathBase {
    /// The path base that is written `text`: unescaped, beginning with `/`. A `/` at its end says nothing. `/` is the
    /// empty one.
    pub fn new(text: &str) -> Result<Self, PathBaseError> {
        let Some(segments) = text.strip_prefix('/') else { return Err(PathBaseError::Relative) };
        let segments = segments.strip_suffix('/').unwrap_or(segments);
        if segments.is_empty() {
            return if text.len() > 1 { Err(PathBaseError::EmptySegment) } else { Ok(Self::default()) };
        }
        for segment in segments.split('/') {
            match segment {
                "" => return Err(PathBaseError::EmptySegment),
                "." | ".." => return Err(PathBaseError::DotSegment),
                _ if segment.contains(['?', '#']) => return Err(PathBaseError::Query),
                _ if segment.contains('%') => return Err(PathBaseError::Escaped),
                _ if segment.contains(char::is_control) => return Err(PathBaseError::Control),
                _ => {}
            }
        }
        let text = format!("/{segments}");
        let escaped = utf8_percent_encode(&text, NOT_IN_PATHS).to_string();
        Ok(Self(Some(Arc::new(Forms { text, escaped }))))
    }

    /// This one, and another behind it.
    pub fn join(&self, other: &Self) -> Self {
        match (&self.0, &other.0) {
            (_, None) => self.clone(),
            (None, _) => other.clone(),
            (Some(first), Some(second)) => Self(Some(Arc::new(Forms {
                text: format!("{}{}", first.text, second.text),
                escaped: format!("{}{}", first.escaped, second.escaped),
            }))),
        }
    }

    /// As it stands in a link. Empty, or begins with `/` and ends without.
    pub fn escaped(&self) -> &str {
        self.0.as_ref().map_or("", |forms| &forms.escaped)
    }

    /// As paths are compared. Empty, or begins with `/` and ends without.
    pub fn text(&self) -> &str {
        self.0.as_ref().map_or("", |forms| &forms.text)
    }

    /// What of an unescaped path is behind it: nothing, or what begins with `/`. `None`: the path leads elsewhere.
    pub fn rest_of<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.text())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

/// RFC 3986 §3.3: what a path segment cannot hold as it is. Bytes that are not ASCII are always escaped.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'[')
    .add(b']')
    .add(b'%');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_base_has_two_forms() {
        for (text, expected, escaped) in [
            ("/", "", ""),
            ("/shop", "/shop", "/shop"),
            ("/shop/", "/shop", "/shop"),
            ("/a b/é", "/a b/é", "/a%20b/%C3%A9"),
        ] {
            let base = PathBase::new(text).expect(text);
            assert_eq!((base.text(), base.escaped()), (expected, escaped));
        }
    }

    #[test]
    fn text_that_is_no_path_base_is_refused() {
        use PathBaseError::{Control, DotSegment, EmptySegment, Escaped, Query, Relative};
        for (text, error) in [
            ("", Relative),
            ("shop", Relative),
            ("//", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a/../b", DotSegment),
            ("/.", DotSegment),
            ("/a?b", Query),
            ("/a%20b", Escaped),
            ("/a\tb", Control),
        ] {
            assert_eq!(PathBase::new(text), Err(error), "{text}");
        }
    }

    #[test]
    fn it_ends_between_segments() {
        let base = PathBase::new("/shop").expect("it is one");
        for (path, rest) in [
            ("/shop", Some("")),
            ("/shop/", Some("/")),
            ("/shop/a", Some("/a")),
            ("/shopping", None),
            ("/", None),
            ("", None),
        ] {
            assert_eq!(base.rest_of(path), rest, "{path}");
        }
        assert_eq!(PathBase::default().rest_of(""), Some(""));
    }
}
