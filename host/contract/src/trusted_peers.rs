//! The peers whose reports about others are believed.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net};

/// The peers of an endpoint that are trusted proxies. Default: none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    networks: Vec<IpNet>,
    /// Whether peers without an address are.
    has_unix: bool,
}

/// One of them, or a network of them. Written `127.0.0.1`, `::1`, `10.0.0.0/8` or `unix`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedPeer {
    /// The peers with these addresses.
    Network(IpNet),
    /// Every peer of a Unix socket: the permissions of its file say who that may be.
    Unix,
}

/// Why text is no trusted peer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustedPeerError {
    /// It is none of the forms.
    #[error(
        "{0:?} is no address, no network and not unix; write for example \"127.0.0.1\", \"10.0.0.0/8\" or \"unix\""
    )]
    Form(String),
    /// It is an address with the length of a prefix.
    #[error("{0:?} is no network, because its address goes on behind the prefix; write {1:?} or {2:?}")]
    HostBits(String, String, String),
}

impl TrustedPeers {
    /// Whether this peer is trusted. `None`: it has no address, as the peers of Unix sockets.
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        match peer {
            // A socket for both versions has an IPv4 peer as ::ffff:192.0.2.1.
            Some(address) => {
                let address = address.to_canonical();
                self.networks.iter().any(|network| network.contains(&address))
            }
            None => self.has_unix,
        }
    }

    /// Whether nobody is.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.has_unix
    }
}

impl FromIterator<TrustedPeer> for TrustedPeers {
    fn from_iter<I: IntoIterator<Item = TrustedPeer>>(peers: I) -> Self {
        let mut trusted = Self::default();
        for peer in peers {
            match peer {
                TrustedPeer::Network(network) => trusted.networks.push(network),
                TrustedPeer::Unix => trusted.has_unix = true,
            }
        }
        trusted
    }
}

impl FromStr for TrustedPeer {
    type Err = TrustedPeerError;

    fn from_str(text: &str) -> Result<Self, TrustedPeerError> {
        if text == "unix" {
            return Ok(Self::Unix);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        let network: IpNet = text.parse().map_err(|_| TrustedPeerError::Form(text.to_owned()))?;
        if network.trunc() != network {
            let (network, address) = (network.trunc().to_string(), network.addr().to_string());
            return Err(TrustedPeerError::HostBits(text.to_owned(), network, address));
        }
        Ok(Self::Network(canonical(network)))
    }
}

/// A network of IPv4 that is written as one of IPv6 is one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let mapped = || match (network.addr().to_canonical(), network.prefix_len().checked_sub(96)) {
        (IpAddr::V4(address), Some(length)) => Ipv4Net::new(address, length).ok().map(IpNet::V4),
        _ => None,
    };
    match network {
        IpNet::V4(_) => network,
        IpNet::V6(_) => mapped().unwrap_or(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_trusted_by_address_by_network_or_as_those_of_a_unix_socket() {
        let trusted = |written: &[&str]| -> TrustedPeers {
            written.iter().map(|peer| peer.parse::<TrustedPeer>().expect(peer)).collect()
        };
        for (written, peer, expected) in [
            (&["127.0.0.1"][..], "127.0.0.1", true),
            (&["127.0.0.1"], "127.0.0.2", false),
            (&["127.0.0.1"], "::ffff:127.0.0.1", true),
            (&["::ffff:127.0.0.1"], "127.0.0.1", true),
            (&["::ffff:10.0.0.0/104"], "10.1.2.3", true),
            (&["10.0.0.0/8"], "10.255.0.1", true),
            (&["10.0.0.0/8"], "11.0.0.1", false),
            (&["::1", "fd00::/8"], "fd12::1", true),
            (&["0.0.0.0/0"], "192.0.2.1", true),
            (&["0.0.0.0/0"], "2001:db8::1", false),
            (&["::/0"], "2001:db8::1", true),
            (&["::/0"], "192.0.2.1", false),
            (&["unix"], "127.0.0.1", false),
            (&[], "127.0.0.1", false),
        ] {
            assert_eq!(trusted(written).contains(peer.parse().ok()), expected, "{written:?} {peer}");
        }
        assert!(trusted(&["unix"]).contains(None) && !trusted(&["0.0.0.0/0"]).contains(None));
        assert!(trusted(&[]).is_empty() && !trusted(&["unix"]).is_empty());
    }

    #[test]
    fn text_that_is_no_peer_is_refused_with_what_to_write() {
        for text in ["", "localhost", "10.0.0.0/33", "10.0.0", "[::1]", "127.0.0.1:80", "10.0.0.0/255.0.0.0", "Unix"] {
            assert_eq!(text.parse::<TrustedPeer>(), Err(TrustedPeerError::Form(text.to_owned())));
        }
        let error = "10.0.0.5/8".parse::<TrustedPeer>().expect_err("it is an address and a prefix").to_string();
        assert!(error.ends_with(r#"write "10.0.0.0/8" or "10.0.0.5""#), "{error}");
    }
}
