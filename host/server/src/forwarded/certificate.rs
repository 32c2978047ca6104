//! The client's certificate, in a field of the proxy that ended TLS.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sfv::{BareItem, Item, List, ListEntry, Parser};
use tracing::debug;

/// The certificate and those that the client sent with it, as DER, its own first. Empty: there is none, or the field
/// cannot be parsed, and then nothing of it is used.
pub(super) fn read(fields: &HeaderMap, field: &HeaderName) -> Vec<Bytes> {
    let mut lines = fields.get_all(field).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return Vec::new() };
    let read = if field == "client-cert" { standard(line.as_bytes(), fields) } else { pem(line.as_bytes()) };
    read.unwrap_or_else(|| {
        debug!("the field {field} of a trusted proxy has no certificate that can be parsed; it is ignored");
        Vec::new()
    })
}

/// RFC 9440 §2: the certificate as a byte sequence of structured fields, and the rest of its chain as a list of them.
fn standard(line: &[u8], fields: &HeaderMap) -> Option<Vec<Bytes>> {
    let own = bytes(Parser::new(line).parse::<Item>().ok()?)?;
    let chain: Vec<_> = fields.get_all("client-cert-chain").iter().map(|line| line.as_bytes()).collect();
    if chain.is_empty() {
        return Some(vec![own]);
    }
    let chain = Parser::new(&chain.join(&b","[..])).parse::<List>().ok()?;
    let chain = chain.into_iter().map(|entry| match entry {
        ListEntry::Item(item) => bytes(item),
        ListEntry::InnerList(_) => None,
    });
    std::iter::once(Some(own)).chain(chain).collect()
}

fn bytes(item: Item) -> Option<Bytes> {
    match item.bare_item {
        BareItem::ByteSequence(bytes) if !bytes.is_empty() => Some(bytes.into()),
        _ => None,
    }
}

/// PEM, URL-encoded, as nginx's `$ssl_client_escaped_cert`.
fn pem(line: &[u8]) -> Option<Vec<Bytes>> {
    let text: Vec<u8> = percent_decode(line).collect();
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let certificates: Vec<_> =
        certificates.ok()?.iter().map(|certificate| Bytes::copy_from_slice(certificate)).collect();
    (!certificates.is_empty()).then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forwarded::fields;

    #[test]
    fn certificates_come_as_structured_fields() {
        let client_cert = HeaderName::from_static("client-cert");
        let all =
            fields(&[("client-cert", ":AQI=:"), ("client-cert-chain", ":Aw==:"), ("client-cert-chain", ":BA==:")]);
        assert_eq!(read(&all, &client_cert), [&b"\x01\x02"[..], b"\x03", b"\x04"]);
        for (own, chain) in [("AQI=", ":Aw==:"), (":AQI=:", "Aw=="), (":A:", ":Aw==:"), (":AQI=:, :Aw==:", ":Aw==:")] {
            let spoiled = fields(&[("client-cert", own), ("client-cert-chain", chain)]);
            assert!(read(&spoiled, &client_cert).is_empty(), "{own} {chain}");
        }
        let twice = fields(&[("client-cert", ":AQI=:"), ("client-cert", ":AQI=:")]);
        assert!(read(&twice, &client_cert).is_empty());
    }

    #[test]
    fn certificates_come_as_url_encoded_pem() {
        let field = HeaderName::from_static("x-client-cert");
        let escaped = "-----BEGIN%20CERTIFICATE-----%0AAQID%0A-----END%20CERTIFICATE-----%0A";
        assert_eq!(read(&fields(&[("x-client-cert", escaped)]), &field), [&b"\x01\x02\x03"[..]]);
        for nothing in ["", "AQID", "-----BEGIN%20CERTIFICATE-----%0A!!%0A-----END%20CERTIFICATE-----", "%ff"] {
            assert!(read(&fields(&[("x-client-cert", nothing)]), &field).is_empty(), "{nothing}");
        }
    }
}
