//! The fields in which somebody claims something about a client.

use http::{HeaderMap, HeaderName};

use super::trust::Trust;
use crate::config::file::ForwardedFields;

/// Whether a field is one of those that only a proxy should send. A name that has `_` in place of `-` is one too: apps that
/// know fields by the names of CGI see no difference (RFC 3875 §4.1.18).
fn is_claim(name: &str) -> bool {
    match name.as_bytes().first() {
        Some(b'x') => begins_like(name, "x-forwarded-") || is_like(name, "x-real-ip"),
        Some(b'f') => name == "forwarded",
        Some(b'c') => is_like(name, "client-cert") || is_like(name, "client-cert-chain"),
        _ => false,
    }
}

fn is_like(name: &str, known: &str) -> bool {
    name.len() == known.len() && begins_like(name, known)
}

fn begins_like(name: &str, known: &str) -> bool {
    let is_same = |(one, other): (u8, u8)| one == other || one == b'_' && other == b'-';
    name.len() >= known.len() && name.bytes().zip(known.bytes()).all(is_same)
}

/// The first field that claims something. `certificate`: the field of an endpoint for the client's certificate.
pub(super) fn first(fields: &HeaderMap, certificate: Option<&HeaderName>) -> Option<HeaderName> {
    let is_certificate = |name: &HeaderName| certificate.is_some_and(|field| is_like(name.as_str(), field.as_str()));
    fields.keys().find(|name| is_claim(name.as_str()) || is_certificate(name)).cloned()
}

/// Removes all of them.
pub(super) fn remove(fields: &mut HeaderMap, certificate: Option<&HeaderName>) {
    while let Some(name) = first(fields, certificate) {
        fields.remove(name);
    }
}

/// Removes those in which a trusted proxy tells.
pub(super) fn remove_told(fields: &mut HeaderMap, trust: &Trust) {
    let told: &[&str] = match trust.headers() {
        ForwardedFields::XForwarded => &X_FORWARDED,
        ForwardedFields::Forwarded => &["forwarded"],
    };
    told.iter().for_each(|name| drop(fields.remove(*name)));
    if let Some(field) = trust.certificate_field() {
        fields.remove(field);
        if field == "client-cert" {
            fields.remove("client-cert-chain");
        }
    }
}

const X_FORWARDED: [&str; 5] =
    ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-prefix"];

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
            ("x_forwarded_for", "1"),
            ("x-real_ip", "1"),
            ("x_ssl_cert", "1"),
            ("client_cert", "1"),
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
