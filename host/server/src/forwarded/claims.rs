//! The fields in which somebody claims something about a client.

use http::{HeaderMap, HeaderName};

/// Whether a field is one of those that only a proxy should send.
fn is_claim(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => name.starts_with("x-forwarded-") || name == "x-real-ip",
        Some(b'f') => name == "forwarded",
        Some(b'c') => name == "client-cert" || name == "client-cert-chain",
        _ => false,
    }
}

/// The first field that claims something. `certificate`: the field of an endpoint for the client's certificate.
pub(super) fn first(fields: &HeaderMap, certificate: Option<&HeaderName>) -> Option<HeaderName> {
    fields.keys().find(|name| is_claim(name.as_str()) || certificate == Some(name)).cloned()
}

/// Removes all of them.
pub(super) fn remove(fields: &mut HeaderMap, certificate: Option<&HeaderName>) {
    while let Some(name) = first(fields, certificate) {
        fields.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarded::fields;

    #[test]
    fn all_claims_are_removed_and_nothing_else() {
        let mut all = fields(&[
            ("x-forwarded-for", "1"),
            ("x-forwarded-for", "2"),
            ("x-forwarded-anything", "1"),
            ("x-real-ip", "1"),
            ("forwarded", "1"),
            ("client-cert", "1"),
            ("client-cert-chain", "1"),
            ("x-ssl-cert", "1"),
            ("x-forward", "stays"),
            ("cookie", "stays"),
            ("client-certificate", "stays"),
        ]);
        remove(&mut all, Some(&HeaderName::from_static("x-ssl-cert")));
        let mut left: Vec<_> = all.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["client-certificate", "cookie", "x-forward"]);
    }
}
