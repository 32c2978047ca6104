//! What a server offers about an exchange beyond the request and the response themselves.
//!
//! A fact is a plain type; a power over the exchange is a trait of one method, because only the server can exert it.

mod authentication;
mod connection;
mod expect_continue;
mod identifier;
mod informational;
mod lifetime;
mod limits;
mod reset;
mod server_addresses;
mod server_variables;
mod tls;
mod trace;
mod upgrade;

use std::fmt;
use std::sync::Arc;

pub use authentication::User;
pub use connection::{Connection, Ends};
pub use expect_continue::ExpectContinue;
pub use identifier::{Identifier, TraceContext};
pub use informational::Informational;
pub use lifetime::Lifetime;
pub use limits::{BodyLimits, ExchangeLimits, TooLate};
pub use reset::Reset;
pub use server_addresses::ServerAddresses;
pub use server_variables::ServerVariables;
pub use tls::Tls;
pub use trace::{Trace, TracedCall};
pub use upgrade::{Upgrade, UpgradeKind};

/// The features of one exchange, one field each. There is no `Default`: a new field makes every server fail to compile
/// until its author has decided what to say. `None`: this server does not offer the feature at all, or has nothing to
/// say about this exchange; each field says which.
pub struct Features {
    /// The connection that the exchange came in on. `None`: not offered.
    pub connection: Option<Arc<Connection>>,
    /// The addresses the server is bound to. `None`: not offered.
    pub server_addresses: Option<Arc<ServerAddresses>>,
    /// TLS as this server ended it. `None`: the connection is plain.
    pub tls: Option<Arc<Tls>>,
    /// The exchange's name. `None`: not offered.
    pub identifier: Option<Identifier>,
    /// The power to break the exchange off. `None`: not offered.
    pub lifetime: Option<Arc<dyn Lifetime>>,
    /// The power to end the stream with an error code. `None`: the protocol has none.
    pub reset: Option<Arc<dyn Reset>>,
    /// The power to ask for the content before it is read. `None`: the client does not wait to be asked.
    pub expect_continue: Option<Arc<dyn ExpectContinue>>,
    /// The power to send interim responses. `None`: the protocol has none.
    pub informational: Option<Arc<dyn Informational>>,
    /// The limits of the exchange, which the application may change. `None`: not offered.
    pub limits: Option<Arc<ExchangeLimits>>,
    /// The client asks for another protocol. `None`: it does not.
    pub upgrade: Option<Upgrade>,
    /// The user that the server authenticated. `None`: nobody.
    pub user: Option<Arc<User>>,
    /// Facts that this server knows by name. `None`: not offered.
    pub server_variables: Option<Arc<ServerVariables>>,
    /// The record of the exchange in a trace. `None`: nobody records it. No server does; what stands between it and the
    /// application may.
    pub trace: Option<Arc<dyn Trace>>,
}

impl fmt::Debug for Features {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Features")
            .field("connection", &self.connection)
            .field("identifier", &self.identifier)
            .field("tls", &self.tls)
            .field("upgrade", &self.upgrade)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The name of a feature that a server may offer or lack. Not listed are those that every server has (the request and
/// the response), and those that need no server (sending a file, telemetry).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Feature {
    /// [`Features::user`].
    Authentication,
    /// [`Features::connection`].
    Connection,
    /// [`Features::identifier`].
    Identifier,
    /// [`Features::informational`].
    Informational,
    /// [`Features::lifetime`].
    Lifetime,
    /// [`Features::limits`].
    Limits,
    /// [`Features::reset`].
    Reset,
    /// [`Features::server_addresses`].
    ServerAddresses,
    /// [`Features::server_variables`].
    ServerVariables,
    /// [`Features::tls`].
    Tls,
    /// [`Features::upgrade`].
    Upgrade,
    /// [`Features::upgrade`] to WebSocket.
    WebSocket,
}

impl Feature {
    /// Every feature there is.
    pub const ALL: [Self; 12] = [
        Self::Authentication,
        Self::Connection,
        Self::Identifier,
        Self::Informational,
        Self::Lifetime,
        Self::Limits,
        Self::Reset,
        Self::ServerAddresses,
        Self::ServerVariables,
        Self::Tls,
        Self::Upgrade,
        Self::WebSocket,
    ];

    /// The feature's name: that of its WIT interface.
    pub fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Connection => "connection",
            Self::Identifier => "identifier",
            Self::Informational => "informational",
            Self::Lifetime => "lifetime",
            Self::Limits => "limits",
            Self::Reset => "reset",
            Self::ServerAddresses => "server-addresses",
            Self::ServerVariables => "server-variables",
            Self::Tls => "tls",
            Self::Upgrade => "upgrade",
            Self::WebSocket => "websocket",
        }
    }

    /// The feature with this name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }
}
