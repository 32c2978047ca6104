//! What a request is for: the request target resolved against the Host field, as RFC 9112 §3.2 and §3.3 say.

use std::borrow::Cow;

use http::uri::{Authority, Uri};
use http::{HeaderMap, Method, Version, header};
use percent_encoding::{percent_decode_str, percent_encode_byte};

use crate::ClientFault;

pub use host::{Host, is_same_authority};
pub use known_host::KnownHost;
pub use path_base::{PathBase, PathBaseError};
pub use scheme::Scheme;

mod grammar;
mod host;
mod known_host;
mod path_base;
mod scheme;

/// A request target that has been checked.
#[derive(Clone, Debug)]
pub struct Target {
    scheme: Scheme,
    authority: Option<Authority>,
    uri: Uri,
    /// What a proxy has taken off the path. It is not part of `uri`.
    prefix: PathBase,
    base: PathBase,
    /// `prefix` and `base` together.
    link_base: PathBase,
}

impl Target {
    /// Judges a target as it was sent, for servers that see its bytes: a library may cut off what does not belong to it
    /// before [`Target::resolve`] sees it. Takes the four forms of RFC 9112 §3.2. In a path and a query a client need not
    /// escape what either RFC 3986 or the URL Standard does not: beyond RFC 3986 those are `[`, `]`, `\`, `^`, `{`, `|`
    /// and `}`, and in a query the grave accent. `#`, `"`, `<`, `>` and what is not ASCII are refused.
    pub fn check(bytes: &[u8]) -> Result<(), ClientFault> {
        if grammar::is_target(bytes) { Ok(()) } else { Err(ClientFault::TargetMalformed) }
    }

    /// Resolves a target. Refuses what RFC 9112 §3.2 wants refused: in HTTP/1.1 a Host field that is missing or
    /// repeated, in any version one that is malformed; a target in absolute form that Host contradicts (stricter than
    /// the RFC, as Kestrel: two different answers to "for whom is this?" are smuggling bait; what differs in form alone,
    /// as a port that is the scheme's own, is no contradiction), or of another scheme than the connection's; a form that
    /// does not fit the method; characters that [`Target::check`] refuses; CONNECT; an escaped NUL. `known` is of the
    /// request's connection.
    pub fn resolve(
        scheme: Scheme,
        method: &Method,
        uri: Uri,
        version: Version,
        fields: &HeaderMap,
        known: &KnownHost,
    ) -> Result<Self, ClientFault> {
        check_form(method, &uri)?;
        check_characters(&uri)?;
        check_scheme(scheme, &uri, version)?;
        if uri.path().contains('%') && uri.path().contains("%00") {
            return Err(ClientFault::PathHoldsNul);
        }
        let host = host(version, fields, known)?;
        let authority = match (uri.authority(), host) {
            (Some(target), Some(host)) if !is_same_authority(target, &host, scheme_of(&uri, scheme)) => {
                return Err(ClientFault::HostContradictsTarget);
            }
            (Some(target), _) => {
                let judge = |_: &[u8]| Some(target.clone()).filter(is_host);
                Some(known.get(target.as_str().as_bytes(), judge).ok_or(ClientFault::HostInvalid)?)
            }
            (None, host) => host,
        };
        // RFC 9113 §8.3.1: a request of HTTP/2 names its authority, by pseudo-field or by Host, and not the empty one.
        if authority.is_none() && version == Version::HTTP_2 {
            return Err(ClientFault::HostMissing);
        }
        let (prefix, base, link_base) = Default::default();
        Ok(Self { scheme, authority, uri, prefix, base, link_base })
    }

    /// The scheme of the connection, or what [`Target::set_scheme`] has said since.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Says which scheme the client used: a trusted proxy has told it.
    pub fn set_scheme(&mut self, scheme: Scheme) {
        self.scheme = scheme;
    }

    /// Host and perhaps port. `None`: the request has none, which HTTP/1.0 allows and HTTP/1.1 with an empty Host.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// Says for which host and port the client asked: a trusted proxy has told it. Takes the authorities that
    /// [`Target::parse_authority`] gives.
    pub fn set_authority(&mut self, authority: Authority) {
        self.authority = Some(authority);
    }

    /// A host and perhaps a port, by the rules for Host. `None`: it is malformed.
    pub fn parse_authority(bytes: &[u8]) -> Option<Authority> {
        Authority::try_from(bytes).ok().filter(is_host)
    }

    /// The part of the client's path that leads to the application, escaped: the prefix that a proxy has taken off, and
    /// the path base behind it. Empty: the application owns every path of its host.
    pub fn path_base(&self) -> &str {
        self.link_base.escaped()
    }

    /// Says which part of the path leads to the application. It must be one of [`Target::is_below`].
    pub fn set_path_base(&mut self, base: PathBase) {
        self.link_base = self.prefix.join(&base);
        self.base = base;
    }

    /// Says what stood before the path: a trusted proxy has taken it off, and has told it. It begins the path base, and is
    /// not part of any path.
    pub fn set_prefix(&mut self, prefix: PathBase) {
        self.link_base = prefix.join(&self.base);
        self.prefix = prefix;
    }

    /// Whether the path leads to what is at `base`: it is the same, or goes on behind it with a `/`.
    pub fn is_below(&self, base: &PathBase) -> bool {
        base.rest_of(&self.whole_path()).is_some()
    }

    /// The path behind the path base, as ASP.NET Core gives it: unescaped except for `%2F`, dot segments removed.
    /// Escapes that are not UTF-8 stay escapes. Begins with `/`, or is empty for `OPTIONS *`.
    pub fn path(&self) -> Cow<'_, str> {
        let path = self.whole_path();
        match self.base.rest_of(&path) {
            Some(rest) if rest.len() < path.len() => Cow::Owned(if rest.is_empty() { "/".into() } else { rest.into() }),
            _ => path,
        }
    }

    /// The path that the client asked for, in the form of [`Target::path`]: with the prefix that a proxy has taken off.
    pub fn client_path(&self) -> Cow<'_, str> {
        let path = self.whole_path();
        if self.prefix.text().is_empty() { path } else { Cow::Owned([self.prefix.text(), &path].concat()) }
    }

    /// The path base and the path together, in the form of [`Target::path`], without the prefix that a proxy has taken off.
    pub fn whole_path(&self) -> Cow<'_, str> {
        match self.uri.path() {
            "*" => Cow::Borrowed(""),
            path => remove_dot_segments(unescape(path)),
        }
    }

    /// The query as it was sent, without its `?`. `None`: there is no `?`.
    pub fn query(&self) -> Option<&str> {
        self.uri.query()
    }

    /// The target in the form it was sent in.
    pub fn uri(&self) -> &Uri {
        &self.uri
    }
}

/// The scheme that a target names, or else the connection's.
fn scheme_of(target: &Uri, connection: Scheme) -> Scheme {
    match target.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => connection,
    }
}

/// RFC 9112 §3.2.3 and §3.2.4: authority form is for CONNECT and for nothing else, asterisk form for OPTIONS. CONNECT
/// asks for a tunnel, which a success would open and no application here can serve.
fn check_form(method: &Method, uri: &Uri) -> Result<(), ClientFault> {
    let authority_form = uri.scheme().is_none() && uri.authority().is_some();
    let asterisk_form = uri.path() == "*";
    match (authority_form, asterisk_form) {
        _ if *method == Method::CONNECT => Err(ClientFault::Connect),
        (true, _) => Err(ClientFault::TargetForm),
        (_, true) if *method != Method::OPTIONS => Err(ClientFault::TargetForm),
        _ => Ok(()),
    }
}

/// What a server can have passed on that has not asked [`Target::check`].
fn check_characters(uri: &Uri) -> Result<(), ClientFault> {
    let path = uri.path_and_query().map_or(&b""[..], |path| path.as_str().as_bytes());
    let begins_well = match path {
        [] | [b'/', ..] | b"*" => true,
        [b'?', ..] => uri.scheme().is_some(),
        _ => false,
    };
    if begins_well && grammar::is_path_and_query(path) { Ok(()) } else { Err(ClientFault::TargetMalformed) }
}

/// RFC 9110 §7.4: what is asked for over a connection of another scheme is another resource, which this server does not
/// speak for. HTTP/2 has no form without a scheme, and gateways that end TLS pass on the one that they were asked for
/// (RFC 9113 §8.3.1), so either of HTTP's is taken there.
fn check_scheme(scheme: Scheme, uri: &Uri, version: Version) -> Result<(), ClientFault> {
    match uri.scheme_str() {
        None => Ok(()),
        Some(asked) if asked == scheme.as_str() => Ok(()),
        Some("http" | "https") if version == Version::HTTP_2 => Ok(()),
        Some(_) => Err(ClientFault::SchemeForeign),
    }
}

fn host(version: Version, fields: &HeaderMap, known: &KnownHost) -> Result<Option<Authority>, ClientFault> {
    let mut hosts = fields.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else {
        // HTTP/2 has :authority; HTTP/1.0 had no Host.
        return if version == Version::HTTP_11 { Err(ClientFault::HostMissing) } else { Ok(None) };
    };
    if hosts.next().is_some() {
        return Err(ClientFault::HostRepeated);
    }
    if host.is_empty() {
        return Ok(None);
    }
    known.get(host.as_bytes(), Target::parse_authority).map(Some).ok_or(ClientFault::HostInvalid)
}

/// RFC 9110 §7.2: a host and perhaps a port. `http` takes more: a user, and anything behind the colon.
fn is_host(authority: &Authority) -> bool {
    grammar::is_authority(authority.as_str().as_bytes())
}

/// Decodes every escape but `%2F`: a decoded slash would move the borders between segments.
fn unescape(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.as_bytes().windows(3).position(|escape| matches!(escape, b"%2F" | b"%2f")) {
        push_decoded(&mut decoded, &rest[..at]);
        decoded.push_str(&rest[at..at + 3]);
        rest = &rest[at + 3..];
    }
    push_decoded(&mut decoded, rest);
    Cow::Owned(decoded)
}

fn push_decoded(decoded: &mut String, escaped: &str) {
    let bytes: Vec<u8> = percent_decode_str(escaped).collect();
    for chunk in bytes.utf8_chunks() {
        decoded.push_str(chunk.valid());
        // One by one, so that a byte that is no text cannot keep its neighbours escaped.
        decoded.extend(chunk.invalid().iter().map(|byte| percent_encode_byte(*byte)));
    }
}

/// RFC 3986 §5.2.4, after decoding: `%2e%2e` is a dot segment too.
fn remove_dot_segments(path: Cow<'_, str>) -> Cow<'_, str> {
    if !path.contains("/.") {
        return path;
    }
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => {
                kept.push(segment);
                continue;
            }
        }
        if last {
            kept.push(""); // "/a/.." is "/", not "": the slash before the last dots stays
        }
    }
    Cow::Owned(format!("/{}", kept.join("/")))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn resolve(method: &str, target: &str, version: Version, hosts: &[&str]) -> Result<Target, ClientFault> {
        let mut fields = HeaderMap::new();
        for host in hosts {
            fields.append(header::HOST, HeaderValue::from_str(host).expect("a test's host is a field value"));
        }
        let method = Method::from_bytes(method.as_bytes()).expect("a test's method is a method");
        let target = target.parse().expect("a test's target is a URI");
        Target::resolve(Scheme::Http, &method, target, version, &fields, &KnownHost::default())
    }

    fn path(target: &str) -> String {
        resolve("GET", target, Version::HTTP_11, &["a"]).expect("the target is good").path().into_owned()
    }

    #[test]
    fn a_path_is_unescaped_but_for_slashes_and_loses_its_dot_segments() {
        for (target, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a%20b", "/a b"),
            ("/caf%C3%A9", "/café"),
            ("/a%2Fb%2fc", "/a%2Fb%2fc"),
            ("/a%2Fb%20c", "/a%2Fb c"),
            ("/%FF", "/%FF"),
            ("/100%", "/100%"),
            ("/%2e%2e/%61dmin/%FF", "/admin/%FF"),
            ("/%C3%A9%ff", "/é%FF"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/..", "/"),
            ("/a/b/.", "/a/b/"),
            ("/../../etc", "/etc"),
            ("/%2e%2e/etc", "/etc"),
            ("/a//b", "/a//b"),
            ("/.well-known/x", "/.well-known/x"),
            ("/...", "/..."),
        ] {
            assert_eq!(path(target), expected, "for {target}");
        }
    }

    #[test]
    fn a_path_base_is_taken_from_the_path_and_told_escaped() {
        let shop = PathBase::new("/the shop").expect("it is a path base");
        for (target, expected) in [
            ("/the%20shop", Some("/")),
            ("/the%20shop/", Some("/")),
            ("/the%20shop/cart?x", Some("/cart")),
            ("/a/../the%20shop/cart", Some("/cart")),
            ("/the%20shop%2Fcart", None),
            ("/the%20shopping", None),
            ("/", None),
        ] {
            let mut target = resolve("GET", target, Version::HTTP_11, &["a"]).expect("the target is good");
            assert_eq!(target.is_below(&shop), expected.is_some(), "for {target:?}");
            if let Some(path) = expected {
                target.set_path_base(shop.clone());
                assert_eq!((target.path_base(), &*target.path()), ("/the%20shop", path));
            }
        }
    }

    #[test]
    fn in_http_2_a_request_names_its_authority() {
        for hosts in [&[][..], &[""]] {
            let refused = resolve("GET", "/", Version::HTTP_2, hosts).expect_err("it has none");
            assert_eq!(refused, ClientFault::HostMissing);
        }
        assert!(resolve("GET", "/", Version::HTTP_2, &["a"]).is_ok());
    }

    #[test]
    fn the_authority_comes_from_the_host_field_or_an_absolute_target() {
        let authority = |target, version, hosts: &[&str]| {
            let target = resolve("GET", target, version, hosts).expect("the target is good");
            target.authority().map(|authority| authority.to_string())
        };
        assert_eq!(authority("/", Version::HTTP_11, &["a.example:8080"]), Some("a.example:8080".to_string()));
        assert_eq!(authority("http://b.example/", Version::HTTP_11, &["b.example"]), Some("b.example".to_string()));
        assert_eq!(authority("http://a:80/", Version::HTTP_11, &["a"]), Some("a:80".to_string()));
        assert_eq!(authority("http://A.example./", Version::HTTP_11, &["a.example"]), Some("A.example.".to_string()));
        assert_eq!(authority("https://a/", Version::HTTP_2, &["a:443"]), Some("a".to_string()));
        assert_eq!(authority("/", Version::HTTP_11, &["[::1]:80"]), Some("[::1]:80".to_string()));
        assert_eq!(authority("/", Version::HTTP_11, &["a:"]), Some("a:".to_string()));
        assert_eq!(authority("/", Version::HTTP_11, &[""]), None);
        assert_eq!(authority("/", Version::HTTP_10, &[]), None);
    }

    #[test]
    fn a_wrong_host_is_refused_with_its_reason() {
        for (target, hosts, expected) in [
            ("/", &[][..], ClientFault::HostMissing),
            ("/", &["a", "a"], ClientFault::HostRepeated),
            ("/", &["a b"], ClientFault::HostInvalid),
            ("/", &["user@a"], ClientFault::HostInvalid),
            ("/", &["a/b"], ClientFault::HostInvalid),
            ("/", &["a:x"], ClientFault::HostInvalid),
            ("/", &["a:99999"], ClientFault::HostInvalid),
            ("/", &["a:+80"], ClientFault::HostInvalid),
            ("/", &[":80"], ClientFault::HostInvalid),
            ("http://b/", &["a"], ClientFault::HostContradictsTarget),
            ("http://a:81/", &["a"], ClientFault::HostContradictsTarget),
        ] {
            assert_eq!(resolve("GET", target, Version::HTTP_11, hosts).err(), Some(expected), "for {target} {hosts:?}");
        }
    }

    #[test]
    fn a_target_of_another_scheme_is_foreign() {
        for (target, version, expected) in [
            ("http://a/", Version::HTTP_11, None),
            ("HTTP://a/", Version::HTTP_11, None),
            ("https://a/", Version::HTTP_11, Some(ClientFault::SchemeForeign)),
            ("ftp://a/", Version::HTTP_10, Some(ClientFault::SchemeForeign)),
            ("https://a/", Version::HTTP_2, None),
            ("ftp://a/", Version::HTTP_2, Some(ClientFault::SchemeForeign)),
        ] {
            assert_eq!(resolve("GET", target, version, &["a"]).err(), expected, "for {target} in {version:?}");
        }
    }

    #[test]
    fn what_a_server_has_not_judged_is_judged_here() {
        for target in ["/é", "/\"", "/?é", "http://a/é"] {
            let refused = resolve("GET", target, Version::HTTP_11, &["a"]).err();
            assert_eq!(refused, Some(ClientFault::TargetMalformed), "for {target}");
        }
        let path = http::uri::PathAndQuery::try_from("?q").expect("it is one to the library");
        let fields = HeaderMap::from_iter([(header::HOST, HeaderValue::from_static("a"))]);
        let (scheme, uri, known) = (Scheme::Http, Uri::from(path), KnownHost::default());
        let refused = Target::resolve(scheme, &Method::GET, uri, Version::HTTP_2, &fields, &known).err();
        assert_eq!(refused, Some(ClientFault::TargetMalformed));
        assert!(resolve("GET", "http://a?q", Version::HTTP_11, &["a"]).is_ok());
    }

    #[test]
    fn the_form_of_the_target_fits_the_method() {
        assert_eq!(resolve("GET", "*", Version::HTTP_11, &["a"]).err(), Some(ClientFault::TargetForm));
        assert_eq!(resolve("GET", "a:80", Version::HTTP_11, &["a:80"]).err(), Some(ClientFault::TargetForm));
        assert_eq!(resolve("GET", "/%00", Version::HTTP_11, &["a"]).err(), Some(ClientFault::PathHoldsNul));
        assert_eq!(resolve("CONNECT", "a:80", Version::HTTP_11, &["a:80"]).err(), Some(ClientFault::Connect));
        let target = resolve("OPTIONS", "*", Version::HTTP_11, &["a"]).expect("OPTIONS * is good");
        assert_eq!((target.path().as_ref(), target.uri().to_string().as_str()), ("", "*"));
    }
}
