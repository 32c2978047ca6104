//! Endpoints as the HTTP server takes them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use windhover_http::{
    CertificateSource, ClientCertificateMode, ClientCertificates, EndpointConfig, HttpConfig, Password,
    Protocols as HttpProtocols, Tls, TlsConfig, TlsVersion,
};

use crate::accounts;
use crate::config::file::{self, Endpoint, EndpointTls, File, Protocols, Version};

/// Endpoints, each as it is written and as the server takes it.
#[derive(Default)]
pub(crate) struct Endpoints(Vec<(Endpoint, EndpointConfig)>);

impl Endpoints {
    /// Those of another configuration. Reads the files of certificates, but for endpoints that are written as one of these
    /// is: the server looks after their certificates already.
    pub(crate) fn next(&self, file: &File) -> anyhow::Result<Self> {
        let mut endpoints = Vec::new();
        for (name, written) in &file.endpoints {
            let same = self.0.iter().find(|(endpoint, _)| endpoint == written).map(|(_, config)| config.clone());
            let config = match same {
                Some(config) => config,
                None => endpoint(written).with_context(|| format!("endpoints.{name}"))?,
            };
            endpoints.push((written.clone(), config));
        }
        Ok(Self(endpoints))
    }

    /// As the server takes them.
    pub(crate) fn configs(&self) -> Vec<EndpointConfig> {
        self.0.iter().map(|(_, config)| config.clone()).collect()
    }
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

fn endpoint(endpoint: &Endpoint) -> anyhow::Result<EndpointConfig> {
    let protocols = match endpoint.protocols {
        Protocols::Http1AndHttp2 => HttpProtocols::Http1AndHttp2,
        Protocols::Http1 => HttpProtocols::Http1,
        Protocols::Http2 => HttpProtocols::Http2,
    };
    let tls = endpoint.tls.as_ref().map(|written| tls(written, protocols)).transpose()?;
    let mode = endpoint.mode.as_ref().and_then(|mode| u32::from_str_radix(mode, 8).ok());
    let account = |written: &Option<String>, look_up: fn(&str) -> Result<u32, String>| {
        written.as_deref().map(look_up).transpose().map_err(anyhow::Error::msg)
    };
    Ok(EndpointConfig {
        url: endpoint.url.clone(),
        tls,
        protocols,
        mode,
        owner: account(&endpoint.owner, accounts::user)?,
        group: account(&endpoint.group, accounts::group)?,
        reuse_port: endpoint.reuse_port,
    })
}

fn tls(written: &EndpointTls, alpn: HttpProtocols) -> anyhow::Result<Arc<Tls>> {
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
    Ok(Arc::new(Tls::load(config)?))
}

fn source(file: &Path, key: &Option<PathBuf>, password_file: &Option<PathBuf>) -> anyhow::Result<CertificateSource> {
    let password = password_file.as_ref().map(Password::in_file);
    Ok(CertificateSource::from_options(file.to_owned(), key.clone(), password)?)
}
