//! What a request target and its Host fields resolve to: nothing that a client can write makes a path that leads out of
//! the application's root, and what is a target in the bytes of a request is one to the library that carries it.
//!
//! The input is the lines of a request: a version's digit, a method, a target, and any number of Host fields.

#![no_main]

use http::{HeaderMap, HeaderValue, Method, Uri, Version, header};
use libfuzzer_sys::fuzz_target;
use windhover_contract::{KnownHost, Scheme, Target};

fuzz_target!(|input: &[u8]| {
    let _ = resolve(input);
});

fn resolve(input: &[u8]) -> Option<()> {
    let mut lines = input.split(|byte| *byte == b'\n');
    let version = if lines.next()? == b"0" { Version::HTTP_10 } else { Version::HTTP_11 };
    let method = Method::from_bytes(lines.next()?).ok()?;
    let bytes = lines.next()?;
    let (is_good, uri) = (Target::check(bytes).is_ok(), Uri::try_from(bytes));
    assert!(!is_good || uri.is_ok(), "{}", bytes.escape_ascii());
    let uri = uri.ok()?;
    let mut fields = HeaderMap::new();
    for host in lines {
        fields.append(header::HOST, HeaderValue::from_bytes(host).ok()?);
    }
    let hosts = fields.get_all(header::HOST).iter().count();
    let target = Target::resolve(Scheme::Http, &method, uri, version, &fields, &KnownHost::default()).ok()?;

    assert!(is_good || bytes.contains(&b'#'), "{}", bytes.escape_ascii());
    let path = target.path();
    assert!(path.starts_with('/') || path.is_empty() && method == Method::OPTIONS, "{path:?}");
    assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path:?}");
    assert!(!path.contains('\0'), "{path:?}");
    assert!(hosts == 1 || hosts == 0 && version == Version::HTTP_10, "{hosts} Host fields");
    assert!(method != Method::CONNECT);
    if let Some(authority) = target.authority() {
        assert!(!authority.host().is_empty() && !authority.as_str().contains(['@', '/', '?', '#']), "{authority}");
    }
    Some(())
}
