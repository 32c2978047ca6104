//! Rules for the targets of outbound requests.

use std::fmt;
use std::str::FromStr;

use http::Method;
use http::uri::{Authority, Scheme, Uri};
use windhover_contract::Host as Name;

/// Permits requests. Written as a URL without a path: `https://api.example.com`, `https://*.example.com:8443` (every
/// name below it), `http://*` (every host), `https://api.example.com:*` (every port). Without a port, it is the default
/// port of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboundRule {
    scheme: Scheme,
    host: Host,
    /// `None`: every one.
    port: Option<u16>,
    /// `None`: every one.
    methods: Option<Vec<Method>>,
    private: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Exact(Name<'static>),
    Below(Name<'static>),
    Any,
}

/// Why a text is not a rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboundRuleError {
    /// The scheme.
    #[error("{0:?} has no scheme; write http:// or https://, then a host, such as https://api.example.com")]
    Scheme(String),
    /// The host.
    #[error("{0:?} has no valid host; write a name, *.example.com, an IP address, or *")]
    Host(String),
    /// The port.
    #[error("{0:?} has no valid port; write 1 to 65535, or * for every port")]
    Port(String),
    /// A path.
    #[error("{0:?} has a path, but a rule applies to a whole host; remove the path")]
    Path(String),
}

impl OutboundRule {
    /// Only these methods. Without it: every method.
    pub fn methods(mut self, methods: Vec<Method>) -> Self {
        self.methods = Some(methods);
        self
    }

    /// Also if the host's address belongs to a private network, to this machine, or is not public for another reason.
    pub fn private(mut self) -> Self {
        self.private = true;
        self
    }

    pub(super) fn allows(&self, method: &Method, destination: &Destination) -> bool {
        self.scheme == destination.scheme
            && self.has_host(&destination.host)
            && self.port.is_none_or(|port| port == destination.port)
            && self.methods.as_ref().is_none_or(|methods| methods.contains(method))
    }

    /// Whether addresses of private networks may be behind this name.
    pub(super) fn allows_private(&self, host: &str) -> bool {
        self.private && self.has_host(host)
    }

    fn has_host(&self, host: &str) -> bool {
        let host = Name::new(host);
        match &self.host {
            Host::Any => true,
            Host::Exact(name) => *name == host,
            Host::Below(domain) => host.is_below(domain.as_str()),
        }
    }
}

impl FromStr for OutboundRule {
    type Err = OutboundRuleError;

    fn from_str(text: &str) -> Result<Self, OutboundRuleError> {
        let own = || text.to_owned();
        let (scheme, rest) = text.split_once("://").ok_or_else(|| OutboundRuleError::Scheme(own()))?;
        let scheme = match scheme {
            "http" => Scheme::HTTP,
            "https" => Scheme::HTTPS,
            _ => return Err(OutboundRuleError::Scheme(own())),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#']) {
            return Err(OutboundRuleError::Path(own()));
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (authority, None),
        };
        let port = match port {
            None => Some(default_port(&scheme)),
            Some("*") => None,
            Some(port) => {
                let number = port.parse().ok().filter(|number| *number != 0);
                Some(number.ok_or_else(|| OutboundRuleError::Port(own()))?)
            }
        };
        let name = Name::new(host.strip_prefix("*.").unwrap_or(host));
        let is_name = |name: &str| {
            let authority: Option<Authority> = name.parse().ok();
            authority.is_some_and(|authority| authority.host() == name && !name.contains(['*', '@']))
        };
        let host = match host {
            "*" => Host::Any,
            _ if !is_name(name.as_str()) => return Err(OutboundRuleError::Host(own())),
            host if host.starts_with("*.") => Host::Below(name.into_owned()),
            _ => Host::Exact(name.into_owned()),
        };
        Ok(Self { scheme, host, port, methods: None, private: false })
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) scheme: Scheme,
    /// As in a URL: an IPv6 address in brackets.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Destination {
    /// `None`: the URL is not absolute.
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let scheme = uri.scheme()?.clone();
        let authority = uri.authority()?;
        let host = Name::of(authority).as_str().to_owned();
        let port = authority.port_u16().unwrap_or_else(|| default_port(&scheme));
        Some(Self { scheme, host, port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.host)?;
        if self.port != default_port(&self.scheme) {
            write!(f, ":{}", self.port)?;
        }
        Ok(())
    }
}

fn default_port(scheme: &Scheme) -> u16 {
    if *scheme == Scheme::HTTPS { 443 } else { 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(rule: &str, method: &Method, url: &str) -> bool {
        let uri: Uri = url.parse().expect("a test's URL is one");
        let rule: OutboundRule = rule.parse().expect("a test's rule is one");
        rule.allows(method, &Destination::of(&uri).expect("it is absolute"))
    }

    #[test]
    fn a_rule_allows_what_it_names_and_nothing_else() {
        for (rule, url, expected) in [
            ("https://api.example.com", "https://api.example.com/a", true),
            ("https://api.example.com", "https://API.example.com:443/a", true),
            ("https://api.example.com", "https://api.example.com./", true),
            ("https://api.example.com", "https://api.example.com:8443/", false),
            ("https://api.example.com", "http://api.example.com/", false),
            ("https://api.example.com", "https://api.example.com.evil.example/", false),
            ("https://api.example.com", "https://evilapi.example.com/", false),
            ("https://*.example.com", "https://a.b.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://evilexample.com/", false),
            ("http://*", "http://anything/", true),
            ("http://*", "http://anything:81/", false),
            ("http://a:*", "http://a:81/", true),
            ("http://[::1]:8080/", "http://[::1]:8080/", true),
            ("http://[0:0:0:0:0:0:0:1]", "http://[::1]/", true),
            ("http://Api.example.com.", "http://api.example.com/", true),
            ("http://*.example.com.", "http://a.example.com./", true),
            ("https://bücher.example", "https://xn--bcher-kva.example/", true),
        ] {
            assert_eq!(allows(rule, &Method::GET, url), expected, "{rule} {url}");
        }
        let only_get = "http://a".parse::<OutboundRule>().expect("it is one").methods(vec![Method::GET]);
        let destination = Destination::of(&Uri::from_static("http://a/")).expect("it is absolute");
        assert!(only_get.allows(&Method::GET, &destination) && !only_get.allows(&Method::POST, &destination));
    }

    #[test]
    fn what_is_no_rule_is_told_what_to_write() {
        for (text, expected) in [
            ("api.example.com", "no scheme"),
            ("ftp://a", "no scheme"),
            ("https://", "no valid host"),
            ("https://a b", "no valid host"),
            ("https://u@a", "no valid host"),
            ("https://*.*", "no valid host"),
            ("https://a:0", "no valid port"),
            ("https://a:x", "no valid port"),
            ("https://a/b", "a path"),
        ] {
            let error = text.parse::<OutboundRule>().expect_err(text).to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
