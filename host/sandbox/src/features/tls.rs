//! `wit/tls.wit`.

use crate::exchange::Exchange;
use crate::features::bindings::tls::{Host, Session};

impl Host for Exchange {
    fn current(&mut self) -> Option<Session> {
        let tls = self.features.tls.as_deref().filter(|tls| !tls.is_unknown())?;
        Some(Session {
            protocol: tls.protocol.clone(),
            cipher_suite: tls.cipher_suite.clone(),
            alpn: tls.alpn.clone(),
            server_name: tls.server_name.clone(),
        })
    }

    fn client_certificates(&mut self) -> Vec<Vec<u8>> {
        let certificates = self.features.tls.iter().flat_map(|tls| &tls.client_certificates);
        certificates.map(|certificate| certificate.to_vec()).collect()
    }
}
