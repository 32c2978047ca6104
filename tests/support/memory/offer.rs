//! What the server in memory knows and can do: everything. Facts that come
//! from a wire (TLS, a user) are what a test says.

use std::sync::Arc;

use http::Version;
use windhover_contract::{
    Connection, ExchangeLimits, ExpectContinue, Features, Identifier, Informational, Lifetime, Reset, Scheme,
    ServerAddresses, ServerVariables, Tls, User,
};

use super::powers::Powers;

/// The features of one connection's exchanges.
pub(super) struct Offer {
    pub(super) connection: Arc<Connection>,
    pub(super) addresses: Arc<ServerAddresses>,
    pub(super) variables: Arc<ServerVariables>,
    pub(super) facts: Facts,
    pub(super) exchanges: u64,
}

/// What a test says about every connection.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The name of the endpoint.
    pub endpoint: Option<Arc<str>>,
    /// TLS, as if there were any.
    pub tls: Option<Arc<Tls>>,
    /// Who the client is.
    pub user: Option<Arc<User>>,
    /// Whether the protocol has error codes, as if it were HTTP/2.
    pub has_reset: bool,
}

impl Offer {
    pub(super) fn scheme(&self) -> Scheme {
        if self.facts.tls.is_some() { Scheme::Https } else { Scheme::Http }
    }

    /// The features of the connection's next exchange.
    pub(super) fn features(
        &mut self,
        version: Version,
        expects_continue: bool,
        limits: &Arc<ExchangeLimits>,
        powers: &Arc<Powers>,
    ) -> Features {
        self.exchanges += 1;
        let powers = || Arc::clone(powers);
        let has_interim_responses = version != Version::HTTP_10;
        Features {
            connection: Some(Arc::clone(&self.connection)),
            server_addresses: Some(Arc::clone(&self.addresses)),
            tls: self.facts.tls.clone(),
            identifier: Some(Identifier { connection: Arc::clone(&self.connection), number: self.exchanges }),
            lifetime: Some(powers() as Arc<dyn Lifetime>),
            reset: self.facts.has_reset.then(|| powers() as Arc<dyn Reset>),
            expect_continue: expects_continue.then(|| powers() as Arc<dyn ExpectContinue>),
            informational: has_interim_responses.then(|| powers() as Arc<dyn Informational>),
            limits: Some(Arc::clone(limits)),
            upgrade: None,
            user: self.facts.user.clone(),
            server_variables: Some(Arc::clone(&self.variables)),
            trace: None,
        }
    }
}
