//! Which proxies an endpoint trusts, and what for.

use std::net::IpAddr;

use http::HeaderName;
use windhover_contract::{TrustedPeer, TrustedPeers};

use crate::config::file::{ForwardedFields, Proxy, Untrusted};

/// The proxies of one endpoint. Default: none is trusted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trust {
    peers: TrustedPeers,
    headers: ForwardedFields,
    hops: usize,
    certificate_field: Option<HeaderName>,
    untrusted: Untrusted,
}

impl Trust {
    /// As a configuration has it that was checked.
    pub(crate) fn new(proxy: &Proxy) -> Self {
        Self {
            peers: proxy.trusted.iter().filter_map(|peer| peer.parse::<TrustedPeer>().ok()).collect(),
            headers: proxy.headers,
            hops: proxy.hops.get().into(),
            certificate_field: proxy.client_certificate.as_ref().and_then(|name| name.parse().ok()),
            untrusted: proxy.untrusted,
        }
    }

    /// Whether a peer is trusted. `None`: that of a Unix socket.
    pub(super) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.peers.contains(peer)
    }

    /// The fields in which they tell about the client.
    pub(super) fn headers(&self) -> ForwardedFields {
        self.headers
    }

    /// How many of them a request may pass.
    pub(super) fn hops(&self) -> usize {
        self.hops
    }

    /// The field with the client's certificate.
    pub(super) fn certificate_field(&self) -> Option<&HeaderName> {
        self.certificate_field.as_ref()
    }

    /// What happens to the fields of other peers.
    pub(super) fn untrusted(&self) -> Untrusted {
        self.untrusted
    }
}
