//! What is the same for an exchange in every version of HTTP, from the head of its request to the application.

use std::sync::Arc;

use http::{Method, Version};
use tracing::debug;
use windhover_contract::{
    Body, ClientFault, Connection, ExchangeLimits, ExpectContinue, Fault, Features, Identifier, Informational,
    KnownHost, Lifetime, Limits, Observer, Request, Reset, Scheme, ServerAddresses, ServerVariables, Target, Tls,
    Upgrade, UpgradeKind,
};

use crate::clock::Clock;
use crate::ending::Ending;

/// What all exchanges of one connection share.
pub(crate) struct ConnectionContext {
    pub(crate) connection: Arc<Connection>,
    /// `None`: the connection is plain.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) server_addresses: Arc<ServerAddresses>,
    pub(crate) server_variables: Arc<ServerVariables>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    /// Why the server ends the connection, if it does.
    pub(crate) ending: Arc<Ending>,
    pub(crate) known_host: KnownHost,
    /// `None`: there is no observer.
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// What the application can do to its exchange.
pub(crate) struct Powers {
    pub(crate) lifetime: Arc<dyn Lifetime>,
    pub(crate) reset: Option<Arc<dyn Reset>>,
    /// `None`: the client does not hold back its content.
    pub(crate) expect_continue: Option<Arc<dyn ExpectContinue>>,
    pub(crate) informational: Arc<dyn Informational>,
}

impl ConnectionContext {
    /// Reports a refused request.
    pub(crate) fn rejected(&self, fault: &Fault, version: Version) {
        debug!(%fault, "a request was refused");
        if let Some(observer) = &self.observer {
            observer.rejected(&self.connection, fault, version);
        }
    }

    /// Makes the request of a head, the `number`th on its connection. Refuses what no application may see.
    pub(crate) fn request(
        &self,
        head: http::request::Parts,
        body: Body,
        upgrade: Option<Upgrade>,
        number: u64,
        limits: &Arc<ExchangeLimits>,
        powers: Powers,
    ) -> Result<Request, ClientFault> {
        let scheme = if self.tls.is_some() { Scheme::Https } else { Scheme::Http };
        // RFC 8441 §4: unlike any other CONNECT, an extended one has a target like that of a GET.
        let is_extended = upgrade.as_ref().is_some_and(|upgrade| upgrade.kind == UpgradeKind::ExtendedConnect);
        let method = if is_extended { &Method::GET } else { &head.method };
        let target = Target::resolve(scheme, method, head.uri, head.version, &head.headers, &self.known_host)?;
        let has_interim_responses = head.version != Version::HTTP_10; // RFC 9110 §15.2
        Ok(Request {
            method: head.method,
            target,
            version: head.version,
            fields: head.headers,
            body,
            features: Features {
                connection: Some(Arc::clone(&self.connection)),
                server_addresses: Some(Arc::clone(&self.server_addresses)),
                tls: self.tls.clone(),
                identifier: Some(Identifier { connection: Arc::clone(&self.connection), number }),
                lifetime: Some(powers.lifetime),
                reset: powers.reset,
                expect_continue: powers.expect_continue,
                informational: has_interim_responses.then_some(powers.informational),
                limits: Some(Arc::clone(limits)),
                upgrade,
                user: None,
                server_variables: Some(Arc::clone(&self.server_variables)),
                trace: None,
            },
        })
    }
}
