//! The certificate for each server name: that of the exact name, then of the longest wildcard, then the default, as in
//! Kestrel.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::{DnsName, ServerName};
use tokio_rustls::rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use windhover_contract::Host;

use super::error::TlsError;

/// The certificates by name.
#[derive(Debug)]
pub(super) struct Names {
    default: Option<Arc<CertifiedKey>>,
    /// In the form of [`Host`]; a wildcard without its asterisk, so with a dot before it. `None`: it cannot be used,
    /// and clients that ask for it are refused, because the certificate of other names is not valid for it.
    by_name: HashMap<String, Option<Arc<CertifiedKey>>>,
}

/// What is known of a certificate in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// The server name in lower case. `None`: it is for all other names.
    pub name: Option<String>,
    /// The end of its validity, in seconds since the Unix epoch.
    pub not_after: i64,
}

impl CertificateFacts {
    fn of(name: Option<String>, certified: &CertifiedKey) -> Option<Self> {
        let (_, certificate) = x509_parser::parse_x509_certificate(certified.cert.first()?).ok()?;
        Some(Self { name, not_after: certificate.validity().not_after.timestamp() })
    }
}

impl Names {
    /// All of them, sorted.
    pub(super) fn certificates(&self) -> Vec<CertificateFacts> {
        let written = |name: &str| if name.starts_with('.') { format!("*{name}") } else { name.to_owned() };
        let named =
            self.by_name.iter().filter_map(|(name, certified)| Some((Some(written(name)), certified.as_ref()?)));
        let all = self.default.iter().map(|certified| (None, certified)).chain(named);
        let mut facts: Vec<_> = all.filter_map(|(name, certified)| CertificateFacts::of(name, certified)).collect();
        facts.sort_by(|one, other| one.name.cmp(&other.name));
        facts
    }

    pub(super) fn new(default: Option<Arc<CertifiedKey>>) -> Self {
        Self { default, by_name: HashMap::new() }
    }

    /// Adds a name, which may begin with `*.`. Returns whether its certificate is valid for it. One that cannot be used
    /// (`None`) counts as valid.
    pub(super) fn add(&mut self, name: &str, certified: Option<Arc<CertifiedKey>>) -> Result<bool, TlsError> {
        let key = parse(name)?;
        let is_for_name = certified.as_ref().is_none_or(|certified| is_for_name(certified, &key));
        match self.by_name.entry(key) {
            Entry::Occupied(_) => Err(TlsError::NameTwice { name: name.to_owned() }),
            Entry::Vacant(entry) => {
                entry.insert(certified);
                Ok(is_for_name)
            }
        }
    }

    /// The certificate for the name that a client asks for. `None`: there is none.
    pub(super) fn find(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.filter(|_| !self.by_name.is_empty()).and_then(|name| {
            let host = Host::new(name);
            let name = host.as_str();
            // From left to right, so that the longest comes first. It is as short as a TLS message lets a name be.
            let mut dots = name.match_indices('.').map(|(position, _)| &name[position..]);
            self.by_name.get(name).or_else(|| dots.find_map(|suffix| self.by_name.get(suffix)))
        });
        match named {
            Some(certified) => certified.as_ref(),
            None => self.default.as_ref(),
        }
    }

    /// The certificate for all other names.
    pub(super) fn default_certificate(&self) -> Option<Arc<CertifiedKey>> {
        self.default.clone()
    }

    /// The certificate of a name as it was added.
    pub(super) fn certificate_of(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.by_name.get(&parse(name).ok()?)?.clone()
    }

    /// Whether there is any certificate.
    pub(super) fn has_any(&self) -> bool {
        self.default.is_some() || self.by_name.values().any(Option::is_some)
    }

    /// Whether these are the same certificates under the same names.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let is_same = |one: &Option<Arc<CertifiedKey>>, other: &Option<Arc<CertifiedKey>>| {
            one.as_ref().map(|one| &one.cert) == other.as_ref().map(|other| &other.cert)
        };
        let has_same = |(name, own)| other.by_name.get(name).is_some_and(|other| is_same(own, other));
        is_same(&self.default, &other.default)
            && self.by_name.len() == other.by_name.len()
            && self.by_name.iter().all(has_same)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).cloned()
    }
}

/// The name as it is looked up.
fn parse(name: &str) -> Result<String, TlsError> {
    let refuse = |reason| Err(TlsError::Name { name: name.to_owned(), reason });
    let domain = name.strip_prefix("*.").unwrap_or(name);
    if name == "*" {
        return refuse("every name is what the certificate without a name is for");
    }
    if name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok() {
        return refuse("clients never ask for an IP address by name; they get the certificate without a name");
    }
    if domain.contains('*') {
        return refuse("an asterisk can only stand for all of the first label, as in *.example.org");
    }
    if name.contains([':', '/']) {
        return refuse("it is a name alone, without scheme, port or path");
    }
    let host = Host::new(domain);
    if host.as_str().ends_with('.') || DnsName::try_from(host.as_str()).is_err() {
        return refuse("it is no DNS name; write for example www.example.org or *.example.org");
    }
    let dot = if domain == name { "" } else { "." };
    Ok(format!("{dot}{}", host.as_str()))
}

/// Used only for a warning: a certificate that cannot be checked counts as valid.
fn is_for_name(certified: &CertifiedKey, key: &str) -> bool {
    // Any name will do for a wildcard, because a certificate has a wildcard too or is not for all of them.
    let example = if key.starts_with('.') { format!("windhover-asks{key}") } else { key.to_owned() };
    let Ok(name) = ServerName::try_from(example) else { return true };
    let certificate = certified.end_entity_cert().and_then(ParsedCertificate::try_from);
    certificate.is_ok_and(|certificate| verify_server_name(&certificate, &name).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::testing::Authority;

    #[test]
    fn until_when_each_certificate_is_valid_is_known() {
        let authority = Authority::new("ca");
        let mut names = Names::new(Some(Arc::new(authority.certified("default"))));
        names.add("*.Example.org", Some(Arc::new(authority.certified("*.example.org")))).expect("it is a name");
        let facts = names.certificates();
        let named: Vec<_> = facts.iter().map(|facts| facts.name.as_deref()).collect();
        assert_eq!(named, [None, Some("*.example.org")]);
        let now = x509_parser::time::ASN1Time::now().timestamp();
        assert!(facts.iter().all(|facts| facts.not_after > now), "{facts:?}");
    }

    #[test]
    fn the_exact_name_comes_before_the_longest_wildcard_and_that_before_the_default() {
        let authority = Authority::new("ca");
        let mut names = Names::new(Some(Arc::new(authority.certified("default"))));
        for name in ["www.example.org", "*.example.org", "*.b.example.org", "*.org", "xn--bcher-kva.example"] {
            let is_for_name = names.add(name, Some(Arc::new(authority.certified(name)))).expect(name);
            assert_eq!(is_for_name, name != "*.org", "{name}: no client takes a certificate for all of org");
        }
        assert_eq!(parse("*.Bücher.example.").expect("it is a name"), ".xn--bcher-kva.example");
        let mut ders: HashMap<_, _> =
            names.by_name.iter().filter_map(|(name, it)| Some((it.as_ref()?.cert[0].to_vec(), &name[..]))).collect();
        ders.insert(names.default.as_ref().expect("it was given").cert[0].to_vec(), "default");
        for (asked, expected) in [
            (Some("www.example.org"), "www.example.org"),
            (Some("WWW.Example.ORG"), "www.example.org"),
            (Some("api.example.org"), ".example.org"),
            (Some("a.b.c.example.org"), ".example.org"),
            (Some("a.b.example.org"), ".b.example.org"),
            (Some("b.example.org"), ".example.org"),
            (Some("example.org"), ".org"),
            (Some("XN--bcher-kva.Example."), "xn--bcher-kva.example"),
            (Some("org"), "default"),
            (Some("example.com"), "default"),
            (Some("xexample.com"), "default"),
            (None, "default"),
        ] {
            let found = names.find(asked).expect("there is a default");
            assert_eq!(ders[found.cert[0].as_ref()], expected, "{asked:?}");
        }
        names.default = None;
        assert!(names.find(Some("example.com")).is_none() && names.find(None).is_none());
        assert!(names.find(Some("example.org")).is_some());
    }

    #[test]
    fn a_name_that_no_client_can_ask_for_is_refused_with_what_to_write_instead() {
        for (name, expected) in [
            ("*", "certificate without a name"),
            ("127.0.0.1", "never ask for an IP address"),
            ("[::1]", "never ask for an IP address"),
            ("a.*.example", "first label"),
            ("*a.example", "first label"),
            ("https://a.example", "without scheme"),
            ("a.example:443", "without scheme"),
            ("a.example..", "no DNS name"),
            ("a b", "no DNS name"),
            ("", "no DNS name"),
            ("*.", "no DNS name"),
        ] {
            let error = parse(name).expect_err(name).to_string();
            assert!(error.contains(&format!("{name:?}")) && error.contains(expected), "{name}: {error}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_is_refused_and_one_that_the_certificate_is_not_for_is_told() {
        let authority = Authority::new("ca");
        let mut names = Names::new(None);
        let certified = |name| Some(Arc::new(authority.certified(name)));
        assert!(!names.add("b.example", certified("a.example")).expect("it is only told"));
        let error = names.add("B.example.", certified("b.example")).expect_err("it is there").to_string();
        assert!(error.contains("\"B.example.\" has two certificates"), "{error}");
    }
}
