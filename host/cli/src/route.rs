//! What leads to an app: a host, and the beginning of a path.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;
use windhover_contract::{PathBase, PathBaseError};

/// What leads to an app, written `shop.example.org/path`, `*.example.org/` or `/path`. The path is at the end of the
/// host's name or of the whole, and `/` is every path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    /// Which hosts.
    pub host: HostPattern,
    /// Which paths.
    pub base: PathBase,
}

/// Which hosts. The port that a client names does not matter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HostPattern {
    /// That one, in lower case.
    Exact(String),
    /// All names below this one, which begins with a dot and is in lower case.
    Below(String),
    /// Every host, and requests that name none.
    Any,
}

/// Why text is no route, or no host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The path.
    #[error("the path of route {0:?} is not right: {1}")]
    Path(String, PathBaseError),
    /// There is no path.
    #[error("route {0:?} has no path; write {0}/ for all of the host, or /{0} for a path on every host")]
    NoPath(String),
    /// It has a scheme.
    #[error("route {0:?} has a scheme, and an app is reached by every endpoint; write it without")]
    Scheme(String),
    /// The host.
    #[error("{0:?} is no host; write example.org, *.example.org for all names below it, or * for every host")]
    Host(String),
    /// The host has a port.
    #[error("host {0:?} has a port, which does not matter here; write it without")]
    Port(String),
}

impl FromStr for Route {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        if text.contains("://") {
            return Err(RouteError::Scheme(text.to_owned()));
        }
        let at = text.find('/').ok_or_else(|| RouteError::NoPath(text.to_owned()))?;
        let (host, path) = text.split_at(at);
        let host = if host.is_empty() { HostPattern::Any } else { host.parse()? };
        let base = PathBase::new(path).map_err(|error| RouteError::Path(text.to_owned(), error))?;
        Ok(Self { host, base })
    }
}

impl FromStr for HostPattern {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, RouteError> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        if text == "*" {
            return Ok(Self::Any);
        }
        let authority: Option<Authority> = name.parse().ok();
        match authority {
            Some(authority) if authority.port().is_some() => Err(RouteError::Port(text.to_owned())),
            Some(authority) if authority.host() == name && !name.contains('*') => {
                let name = name.to_ascii_lowercase();
                Ok(if text.starts_with("*.") { Self::Below(format!(".{name}")) } else { Self::Exact(name) })
            }
            _ => Err(RouteError::Host(text.to_owned())),
        }
    }
}

impl HostPattern {
    /// Whether it is the host that a request names, in any case. A dot at the end of a name means the same name.
    pub fn matches(&self, host: Option<&str>) -> bool {
        let host = host.map(|host| host.strip_suffix('.').unwrap_or(host));
        match (self, host) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Exact(name), Some(host)) => name.eq_ignore_ascii_case(host),
            (Self::Below(suffix), Some(host)) => {
                let start = host.len().checked_sub(suffix.len());
                start.is_some_and(|start| {
                    start > 0 && host.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
                })
            }
        }
    }

    /// How much it says: who says more comes first.
    pub(crate) fn weight(&self) -> (u8, usize) {
        match self {
            Self::Exact(name) => (2, name.len()),
            Self::Below(suffix) => (1, suffix.len()),
            Self::Any => (0, 0),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host != HostPattern::Any {
            write!(f, "{}", self.host)?;
        }
        f.write_str(if self.base.text().is_empty() { "/" } else { self.base.text() })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(name) => f.write_str(name),
            Self::Below(suffix) => write!(f, "*{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_understood_and_shown_as_they_mean() {
        for (text, shown) in [
            ("/", "/"),
            ("/shop/", "/shop"),
            ("Shop.example.org/", "shop.example.org/"),
            ("*.example.org/a", "*.example.org/a"),
            ("*/a", "/a"),
            ("[::1]/", "[::1]/"),
        ] {
            assert_eq!(text.parse::<Route>().expect(text).to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_route_is_told_what_to_write() {
        for (text, expected) in [
            ("shop", "write shop/ for all of the host, or /shop for a path"),
            ("https://a/", "write it without"),
            ("a:80/", "a port"),
            ("a b/", "no host"),
            ("a*/", "no host"),
            ("*.*.a/", "no host"),
            ("a//b", "empty segment"),
            ("/a/../b", ". or .."),
            ("u@a/", "no host"),
        ] {
            let error = text.parse::<Route>().expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn a_host_is_compared_as_names_are() {
        let matches = |pattern: &str, host| pattern.parse::<HostPattern>().expect(pattern).matches(host);
        assert!(matches("example.org", Some("EXAMPLE.org")) && matches("example.org", Some("example.org.")));
        assert!(matches("*.example.org", Some("a.b.Example.org")) && !matches("*.example.org", Some("example.org")));
        assert!(!matches("*.example.org", Some(".example.org")) && !matches("*.example.org", Some("anexample.org")));
        assert!(matches("*", None) && !matches("example.org", None));
    }
}
