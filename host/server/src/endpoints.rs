//! Endpoints as the HTTP server takes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use tracing::error;
use windhover_contract::TrustedPeer;
use windhover_http::{
    CertificateSource, ClientCertificateMode, ClientCertificates, Endpoint as Address, EndpointConfig, HttpConfig,
    Password, Protocols as HttpProtocols, Tls, TlsConfig, TlsFailure, TlsVersion,
};

use crate::config::file::{self, Endpoint, EndpointTls, File, Protocols, Proxy, ProxyProtocol, Version};
use crate::users;

/// Endpoints, each with its name, as it is written and as the server takes it.
#[derive(Default)]
pub(crate) struct Endpoints(Vec<(String, Endpoint, EndpointConfig)>);

impl Endpoints {
    /// Those of another configuration. Reads the files of certificates, but for endpoints that are written as one of these
    /// is: the server looks after their certificates already.
    ///
    /// A certificate that cannot be used is an error in the log. What was read of it before stays in use; where nothing
    /// was, clients that ask for it are refused until it is good, which the server looks for. An endpoint that would refuse
    /// every client stays as it was, if it was one that does not, and no other has its address now. It is an error where
    /// nobody would be served at all.
    pub(crate) fn next(&self, file: &File) -> anyhow::Result<Self> {
        let (mut endpoints, mut told, mut useless) = (Vec::new(), Vec::new(), None);
        for (name, written) in &file.endpoints {
            if let Some(same) = self.0.iter().find(|(_, endpoint, _)| endpoint == written) {
                let config = EndpointConfig { name: Some(name.as_str().into()), ..same.2.clone() };
                endpoints.push((name.clone(), written.clone(), config));
                continue;
            }
            let old = self.0.iter().find(|(old, ..)| old == name);
            let before = old.and_then(|(.., config)| config.tls.as_deref());
            let (config, failures) = endpoint(name, written, before).with_context(|| format!("endpoints.{name}"))?;
            told.extend(failures.iter().map(|failure| format!("endpoints.{name}: {failure}")));
            if can_serve(&config) {
                endpoints.push((name.clone(), written.clone(), config));
            } else if let Some(old) =
                old.filter(|(_, was, config)| can_serve(config) && !has_other_at(file, name, &was.url))
            {
                told.push(format!("endpoints.{name} has no certificate to use, and stays as it was"));
                endpoints.push(old.clone());
            } else {
                told.push(format!("endpoints.{name} has no certificate to use, and refuses every client"));
                let first = failures.into_iter().next().map(|failure| anyhow::Error::new(failure.error));
                useless = useless.or_else(|| first.map(|first| first.context(format!("endpoints.{name}"))));
                endpoints.push((name.clone(), written.clone(), config));
            }
        }
        if let Some(failure) = useless.filter(|_| !endpoints.iter().any(|(.., config)| can_serve(config))) {
            return Err(failure);
        }
        told.iter().for_each(|told| error!("{told}"));
        Ok(Self(endpoints))
    }

    /// Those that speak TLS, by their names.
    pub(crate) fn secured(&self) -> Vec<(String, Arc<Tls>)> {
        let secured = self.0.iter().filter_map(|(name, _, config)| Some((name.clone(), config.tls.clone()?)));
        secured.collect()
    }

    /// Their proxies as they are written, by their names.
    pub(crate) fn proxies(&self) -> impl Iterator<Item = (&str, Option<&Proxy>)> {
        self.0.iter().map(|(name, written, _)| (name.as_str(), written.proxy.as_ref()))
    }

    /// As the server takes them.
    pub(crate) fn configs(&self) -> Vec<EndpointConfig> {
        self.0.iter().map(|(.., config)| config.clone()).collect()
    }
}

/// Whether another endpoint has that address.
fn has_other_at(file: &File, name: &str, url: &str) -> bool {
    let overlaps = |other: &str| Some(other.parse::<Address>().ok()?.overlaps(&url.parse().ok()?));
    file.endpoints.iter().any(|(other, endpoint)| other != name && overlaps(&endpoint.url).unwrap_or(false))
}

/// Whether any client is not refused.
fn can_serve(config: &EndpointConfig) -> bool {
    config.tls.as_ref().is_none_or(|tls| tls.has_certificate())
}

/// What the server of a configuration is made of.
pub(crate) fn http_config(file: &File, endpoints: &Endpoints) -> HttpConfig {
    let defaults = HttpConfig::default();
    HttpConfig {
        endpoints: endpoints.configs(),
        limits: file.limits.to_http(&file.server),
        workers: file.server.workers.unwrap_or(defaults.workers),
        ..defaults
    }
}

/// And which of its certificates cannot be used. `before`: what was read before.
fn endpoint(
    name: &str,
    endpoint: &Endpoint,
    before: Option<&Tls>,
) -> anyhow::Result<(EndpointConfig, Vec<TlsFailure>)> {
    let protocols = match endpoint.protocols {
        Protocols::Http1AndHttp2 => HttpProtocols::HTTP1 | HttpProtocols::HTTP2,
        Protocols::Http1 => HttpProtocols::HTTP1,
        Protocols::Http2 => HttpProtocols::HTTP2,
    };
    let (tls, failures) = endpoint.tls.as_ref().map(|written| tls(written, protocols, before)).transpose()?.unzip();
    let mode = endpoint.mode.as_ref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let account = |written: &Option<String>, look_up: fn(&str) -> Result<u32, String>| {
        written.as_deref().map(look_up).transpose().map_err(anyhow::Error::msg)
    };
    let proxy = endpoint.proxy.as_ref().filter(|proxy| proxy.protocol == ProxyProtocol::Required);
    let trusted = |proxy: &Proxy| proxy.trusted.iter().map(|peer| peer.parse::<TrustedPeer>()).collect();
    let proxy_protocol = proxy.map(trusted).transpose()?;
    let config = EndpointConfig {
        name: Some(name.into()),
        url: endpoint.url.clone(),
        tls,
        protocols,
        proxy_protocol,
        mode,
        owner: account(&endpoint.owner, users::user)?,
        group: account(&endpoint.group, users::group)?,
        reuse_port: endpoint.reuse_port,
    };
    Ok((config, failures.unwrap_or_default()))
}

fn tls(
    written: &EndpointTls,
    alpn: HttpProtocols,
    before: Option<&Tls>,
) -> anyhow::Result<(Arc<Tls>, Vec<TlsFailure>)> {
    let certificate = written.certificate.as_ref();
    let certificate = certificate.map(|file| source(file, &written.key, &written.password_file)).transpose()?;
    let named = written
        .names
        .iter()
        .map(|(name, own)| Ok((name.clone(), source(&own.certificate, &own.key, &own.password_file)?)));
    let mode = match written.client_certificates {
        file::ClientCertificates::None => ClientCertificateMode::None,
        file::ClientCertificates::Allow => ClientCertificateMode::Allow,
        file::ClientCertificates::Require => ClientCertificateMode::Require,
    };
    let config = TlsConfig {
        certificate,
        names: named.collect::<anyhow::Result<_>>()?,
        client_certificates: ClientCertificates::from_options(mode, written.client_ca.clone())?,
        min_version: match written.min_version {
            Version::Tls12 => TlsVersion::Tls12,
            Version::Tls13 => TlsVersion::Tls13,
        },
        alpn,
    };
    let (tls, failures) = Tls::load_usable(config, before)?;
    Ok((Arc::new(tls), failures))
}

fn source(file: &Path, key: &Option<PathBuf>, password_file: &Option<PathBuf>) -> anyhow::Result<CertificateSource> {
    let password = password_file.as_ref().map(Password::in_file);
    Ok(CertificateSource::from_options(file.to_owned(), key.clone(), password)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_without_a_certificate_stays_as_it_was_unless_another_has_its_address_now() {
        let file = |endpoints: &str| toml::from_str::<File>(endpoints).expect("it is a file");
        let urls = |endpoints: &Endpoints| endpoints.configs().into_iter().map(|config| config.url).collect::<Vec<_>>();
        let plain = file("endpoints.a.url = 'http://127.0.0.1:8080'");
        let before = Endpoints::default().next(&plain).expect("it is good");
        let secured = "endpoints.a = { url = 'https://127.0.0.1:8443', tls.certificate = 'missing.pem' }\n";
        let stays = before.next(&file(&format!("{secured}endpoints.b.url = 'http://127.0.0.1:0'"))).expect("b is good");
        assert_eq!(urls(&stays), ["http://127.0.0.1:8080", "http://127.0.0.1:0"]);
        let gives_way = before.next(&file(&format!("{secured}endpoints.b.url = 'http://*:8080'"))).expect("b is good");
        assert_eq!(urls(&gives_way), ["https://127.0.0.1:8443", "http://*:8080"]);
    }
}
