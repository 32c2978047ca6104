//! What reverse proxies tell about the client of a request, in fields that anybody can write. So trust belongs to an
//! endpoint, is empty by default, is counted from the nearest proxy, and ends at the first doubt (as ASP.NET Core's
//! forwarded headers middleware).

mod certificate;
mod claims;
mod hop;
mod members;
mod node;
mod rfc7239;
mod told;
mod trust;
mod x_forwarded;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderName;
use tracing::warn;
use windhover_contract::Request;

use crate::config::file::{Proxy, Untrusted};
use trust::Trust;

/// The proxies of all endpoints.
#[derive(Default)]
pub(crate) struct Proxies {
    endpoints: Vec<Arc<Endpoint>>,
    /// For connections without an endpoint: none is trusted.
    others: Trust,
}

struct Endpoint {
    name: String,
    written: Proxy,
    trust: Trust,
    /// Whether the log has said that fields of a peer that is not trusted are removed.
    is_warned: AtomicBool,
}

impl Proxies {
    /// Those of endpoints that were checked, each with its name and as it is written. What is written as before stays, with
    /// what the log has said about it. So does an endpoint that is gone: its connections may still be draining.
    pub(crate) fn next<'a>(&self, written: impl Iterator<Item = (&'a str, Option<&'a Proxy>)>) -> Self {
        let mut endpoints = self.endpoints.clone();
        for (name, written) in written {
            let written = written.cloned().unwrap_or_default();
            match endpoints.iter_mut().find(|endpoint| endpoint.name == name) {
                Some(same) if same.written == written => {}
                Some(other) => *other = Endpoint::new(name, written),
                None => endpoints.push(Endpoint::new(name, written)),
            }
        }
        Self { endpoints, others: Trust::default() }
    }

    /// Makes of a request what the client has asked the nearest proxy for, as far as trusted proxies tell it. Removes the
    /// fields in which they do.
    pub(crate) fn apply(&self, request: &mut Request) {
        let name = request.features.connection.as_ref().and_then(|connection| connection.endpoint.as_deref());
        let endpoint = name.and_then(|name| self.endpoints.iter().find(|endpoint| *endpoint.name == *name));
        let trust = endpoint.map_or(&self.others, |endpoint| &endpoint.trust);
        let Some(claim) = claims::first(&request.fields, trust.certificate_field()) else { return };
        let nearest = request.features.connection.as_ref().map(|connection| connection.remote().map(|end| end.ip()));
        if nearest.is_some_and(|nearest| trust.trusts(nearest)) {
            told::apply(trust, request);
            if trust.untrusted() == Untrusted::Pass {
                return claims::remove_told(&mut request.fields, trust);
            }
        } else if trust.untrusted() == Untrusted::Pass {
            return;
        } else if let (Some(endpoint), Some(nearest)) = (endpoint, nearest)
            && !endpoint.is_warned.swap(true, Ordering::Relaxed)
        {
            warn!("{}", endpoint.advice(nearest, &claim));
        }
        claims::remove(&mut request.fields, trust.certificate_field());
    }
}

impl Endpoint {
    fn new(name: &str, written: Proxy) -> Arc<Self> {
        let trust = Trust::new(&written);
        Arc::new(Self { name: name.to_owned(), written, trust, is_warned: AtomicBool::new(false) })
    }

    /// What the log says about a peer that is not trusted.
    fn advice(&self, peer: Option<IpAddr>, claim: &HeaderName) -> String {
        let name = &self.name;
        let peer = peer.map_or_else(|| "unix".to_owned(), |ip| ip.to_canonical().to_string());
        let trusted: Vec<_> = self.written.trusted.iter().chain([&peer]).map(|peer| format!("{peer:?}")).collect();
        format!(
            "endpoints.{name}: {peer} sent the field {claim}, which is removed, because {peer} is not trusted. If it is your \
             proxy, write below [endpoints.{name}.proxy]: trusted = [{}]",
            trusted.join(", ")
        )
    }
}

/// The fields of a test's request.
#[cfg(test)]
fn fields(lines: &[(&'static str, &str)]) -> http::HeaderMap {
    let lines = lines.iter().map(|(name, value)| {
        let value = http::HeaderValue::from_bytes(value.as_bytes()).expect("a test's value is a field value");
        (http::HeaderName::from_static(name), value)
    });
    lines.collect()
}

#[cfg(test)]
mod tests;
