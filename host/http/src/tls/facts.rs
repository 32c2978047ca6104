//! The results of a handshake in the contract's form.

use bytes::Bytes;
use tokio_rustls::rustls::{CipherSuite, ProtocolVersion, ServerConnection};
use windhover_contract::Tls;

/// The facts of a connection after its handshake. During the handshake, unknown facts are empty.
pub fn facts(connection: &ServerConnection) -> Tls {
    let certificates = connection.peer_certificates().unwrap_or_default();
    Tls {
        protocol: connection.protocol_version().map(protocol).unwrap_or_default(),
        cipher_suite: connection.negotiated_cipher_suite().map(|suite| iana_name(suite.suite())).unwrap_or_default(),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        server_name: connection.server_name().map(str::to_ascii_lowercase),
        client_certificates: certificates.iter().map(|der| Bytes::copy_from_slice(der)).collect(),
    }
}

fn protocol(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
        ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
        other => format!("{other:?}"), // rustls speaks no other
    }
}

/// rustls marks the suites of TLS 1.3. IANA does not: its name is `TLS_AES_128_GCM_SHA256` (RFC 8446 §B.4).
fn iana_name(suite: CipherSuite) -> String {
    let name = format!("{suite:?}");
    name.strip_prefix("TLS13_").map(|rest| format!("TLS_{rest}")).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cipher_suites_have_the_names_of_iana() {
        assert_eq!(iana_name(CipherSuite::TLS13_AES_128_GCM_SHA256), "TLS_AES_128_GCM_SHA256");
        let suite = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
        assert_eq!(iana_name(suite), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
    }
}
