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

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing::warn;
use windhover_contract::Request;

use crate::config::file::{File, Untrusted};
use trust::Trust;

/// The proxies of all endpoints.
#[derive(Default)]
pub(crate) struct Proxies {
    endpoints: Vec<Endpoint>,
    /// For connections without an endpoint: none is trusted.
    others: Trust,
}

struct Endpoint {
    name: Arc<str>,
    trust: Trust,
    /// Whether the log has said that fields of a peer that is not trusted are removed.
    is_warned: AtomicBool,
}

impl Proxies {
    /// Those of a configuration that was checked.
    pub(crate) fn of(file: &File) -> Self {
        let endpoints = file.endpoints.iter().map(|(name, endpoint)| {
            let trust = endpoint.proxy.as_ref().map(Trust::new);
            Endpoint { name: name.as_str().into(), trust: trust.unwrap_or_default(), is_warned: AtomicBool::new(false) }
        });
        Self { endpoints: endpoints.collect(), others: Trust::default() }
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
        } else if trust.untrusted() == Untrusted::Pass {
            return;
        } else if let (Some(endpoint), Some(nearest)) = (endpoint, nearest)
            && !endpoint.is_warned.swap(true, Ordering::Relaxed)
        {
            let peer = nearest.map_or_else(|| "unix".to_owned(), |ip| ip.to_canonical().to_string());
            let name = &endpoint.name;
            warn!(
                "endpoints.{name}: {peer} sent the field {claim}, which is removed, because {peer} is not trusted. If it is \
                 your proxy, add to [endpoints.{name}.proxy]: trusted = [{peer:?}]"
            );
        }
        claims::remove(&mut request.fields, trust.certificate_field());
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
