//! What a server offers about an exchange beyond the request and the response themselves.

mod connection;
mod server_addresses;

use std::sync::Arc;

pub use connection::Connection;
pub use server_addresses::ServerAddresses;

/// The features of one exchange, one field each. There is no `Default`: a new field makes every server fail to
/// compile until its author has decided what to say. `None`: this server does not offer the feature at all.
#[derive(Debug)]
pub struct Features {
    /// The connection that the exchange came in on.
    pub connection: Option<Arc<Connection>>,
    /// The addresses the server is bound to.
    pub server_addresses: Option<Arc<ServerAddresses>>,
}

/// The name of a feature that a server may offer or lack. The request and the response are not listed: every server
/// has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// [`Features::connection`].
    Connection,
    /// [`Features::server_addresses`].
    ServerAddresses,
}

impl Feature {
    /// Every feature there is.
    pub const ALL: [Self; 2] = [Self::Connection, Self::ServerAddresses];

    /// The feature's name: that of its WIT interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::ServerAddresses => "server-addresses",
        }
    }

    /// The feature with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }
}
