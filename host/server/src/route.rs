//! What leads to an app: a host, and the beginning of a path.

use std::fmt;
use std::str::FromStr;

use http::uri::Authority;
use windhover_contract::{Host, PathBase, PathBaseError};

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
    /// That one.
    Exact(Host<'static>),
    /// All names below this one.
    Below(Host<'static>),
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
        let written = text.strip_prefix("*.").unwrap_or(text);
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some((host, port)) = written.rsplit_once(':')
            && !host.is_empty()
            && port.bytes().all(|digit| digit.is_ascii_digit())
        {
            return Err(RouteError::Port(text.to_owned()));
        }
        let host = Host::new(written);
        let authority: Option<Authority> = host.as_str().parse().ok();
        let is_host = authority.is_some_and(|authority| authority.host() == host.as_str())
            && !host.as_str().contains(['*', '@'])
            && host.as_str() != "."
            && !(text.starts_with("*.") && host.is_address());
        match is_host {
            false => Err(RouteError::Host(text.to_owned())),
            true if text.starts_with("*.") => Ok(Self::Below(host.into_owned())),
            true => Ok(Self::Exact(host.into_owned())),
        }
    }
}

impl HostPattern {
    /// Whether it is the host that a request names.
    pub fn matches(&self, host: Option<&Host<'_>>) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Exact(name), Some(host)) => name.as_str() == host.as_str(),
            (Self::Below(domain), Some(host)) => host.is_below(domain.as_str()),
        }
    }

    /// How much it says: who says more comes first.
    pub(crate) fn weight(&self) -> (u8, usize) {
        match self {
            Self::Exact(name) => (2, name.as_str().len()),
            Self::Below(domain) => (1, domain.as_str().len()),
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
            Self::Exact(name) => f.write_str(name.as_str()),
            Self::Below(domain) => write!(f, "*.{}", domain.as_str()),
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
            ("[0:0::1]/", "[::1]/"),
            ("Shop.example.org./", "shop.example.org/"),
            ("*.example.org./", "*.example.org/"),
            ("bücher.example/", "xn--bcher-kva.example/"),
            ("*.BÜCHER.example/", "*.xn--bcher-kva.example/"),
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
            ("[::1]:80/", "a port"),
            ("bücher.example:80/", "a port"),
            ("./", "no host"),
            ("*.127.0.0.1/", "no host"),
            ("*./", "no host"),
            ("::1/", "a port"),
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
        let matches = |pattern: &str, host: Option<&str>| {
            pattern.parse::<HostPattern>().expect(pattern).matches(host.map(Host::new).as_ref())
        };
        assert!(matches("example.org", Some("EXAMPLE.org")) && matches("example.org", Some("example.org.")));
        assert!(matches("*.example.org", Some("a.b.Example.org")) && !matches("*.example.org", Some("example.org")));
        assert!(!matches("*.example.org", Some(".example.org")) && !matches("*.example.org", Some("anexample.org")));
        assert!(matches("example.org.", Some("example.org")) && matches("[::1]", Some("[0:0:0:0:0:0:0:1]")));
        assert!(matches("*.bücher.example", Some("a.XN--bcher-kva.example.")));
        assert!(matches("*", None) && !matches("example.org", None));
    }
}
