//! The HTTP client of an app. It pools connections, and connects only to permitted addresses.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Uri};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;
use tower_service::Service;
use tracing::warn;
use wasmtime_wasi_http::{Error, WasiBody};

use super::address::is_public;
use super::rule::OutboundRule;
use super::settings::Outbound;
use crate::scheduling::blocking::Blocking;

/// Why an app cannot send requests.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The authorities.
    #[error("cannot use the certificate authorities for outbound requests: {0}")]
    Authorities(String),
    /// TLS.
    #[error("cannot set up TLS for outbound requests: {0}")]
    Tls(rustls::Error),
}

/// The HTTP client of an app.
pub(super) struct Client(Pool<Connector, WasiBody>);

impl Client {
    pub(super) fn new(outbound: &Outbound, blocking: &Arc<Blocking>) -> Result<Self, OutboundError> {
        let resolver = Resolver { rules: outbound.rules.clone().into(), blocking: Arc::clone(blocking) };
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(outbound.limits.connect_timeout));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(OutboundError::Tls)?
            .with_root_certificates(roots(outbound)?)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(connector);
        let limits = &outbound.limits;
        let connector = Connector { connector, timeout: limits.connect_timeout };
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.idle_timeout)
            .pool_max_idle_per_host(limits.max_idle)
            .http1_max_headers(limits.max_response_fields)
            .http1_max_buf_size(limits.max_response_fields_size.max(MIN_BUFFER))
            .http2_max_header_list_size(u32::try_from(limits.max_response_fields_size).unwrap_or(u32::MAX))
            .build(connector);
        Ok(Self(pool))
    }

    /// Sends a request and waits for the head of its response. A new connection has `connect` time to be established.
    pub(super) async fn send(
        &self,
        request: Request<WasiBody>,
        connect: Duration,
    ) -> Result<http::Response<Incoming>, Error> {
        CONNECT_TIMEOUT.scope(connect, self.0.request(request)).await.map_err(|error| cause(&error))
    }
}

tokio::task_local! {
    /// The time to connect for the current request. The pool passes no context to its connector.
    static CONNECT_TIMEOUT: Duration;
}

/// Connects within a time limit: from the name lookup to the end of the TLS handshake.
#[derive(Clone)]
struct Connector {
    connector: HttpsConnector<HttpConnector<Resolver>>,
    timeout: Duration,
}

impl Service<Uri> for Connector {
    type Response = <HttpsConnector<HttpConnector<Resolver>> as Service<Uri>>::Response;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let limit = CONNECT_TIMEOUT.try_with(|limit| *limit).unwrap_or(self.timeout);
        let connecting = self.connector.call(uri);
        Box::pin(async move {
            match timeout(limit, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
            }
        })
    }
}

/// The system's certificate authorities, and those of the app.
fn roots(outbound: &Outbound) -> Result<RootCertStore, OutboundError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        warn!("cannot read a certificate authority of the system, so servers that use it are not trusted: {error}");
    }
    roots.add_parsable_certificates(system.certs);
    if let Some(pem) = &outbound.authorities {
        let mut count = 0;
        // A mark that Windows editors begin a file with would hide its first line.
        let pem = pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem);
        for certificate in CertificateDer::pem_slice_iter(pem) {
            let certificate = certificate.map_err(|error| OutboundError::Authorities(error.to_string()))?;
            roots.add(certificate).map_err(|error| OutboundError::Authorities(error.to_string()))?;
            count += 1;
        }
        if count == 0 {
            return Err(OutboundError::Authorities("there is no certificate in it".to_owned()));
        }
    }
    Ok(roots)
}

/// Resolves names, and removes addresses that must not be reached. Its result is what is connected to: the name is not
/// resolved a second time, so the check cannot be circumvented.
#[derive(Clone)]
struct Resolver {
    rules: Arc<[OutboundRule]>,
    blocking: Arc<Blocking>,
}

/// The name leads only to addresses that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to addresses of a private network")]
struct Prohibited;

/// The name leads nowhere.
#[derive(Debug, thiserror::Error)]
#[error("the name has no address: {0}")]
struct Unresolved(io::Error);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let Self { rules, blocking } = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let allows_private = allows_private(&rules, name);
            let asked = name.to_owned();
            let found = blocking.call(move || (asked, 0).to_socket_addrs()).await?.map_err(Unresolved)?;
            let found: Vec<SocketAddr> = found.collect();
            let (mut allowed, is_empty) = (Vec::new(), found.is_empty());
            allowed.extend(found.into_iter().filter(|address| allows_private || is_public(address.ip())));
            if allowed.is_empty() && !is_empty {
                return Err(Prohibited.into());
            }
            Ok(allowed.into_iter())
        })
    }
}

/// Whether a host that is an address may be reached; nobody resolves it.
pub(super) fn may_reach(rules: &[OutboundRule], host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(true, |address| is_public(address) || allows_private(rules, host))
}

fn allows_private(rules: &[OutboundRule], host: &str) -> bool {
    rules.iter().any(|rule| rule.allows_private(host))
}

/// What wasi:http calls what went wrong.
fn cause(error: &(dyn StdError + 'static)) -> Error {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<Prohibited>() {
            return Error::DestinationIpProhibited;
        }
        if error.is::<Unresolved>() {
            return Error::DnsError { rcode: None, info_code: None };
        }
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return match error {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            return match error {
                error if error.is_parse_too_large() => Error::HttpResponseHeaderSectionSize(None),
                error if error.is_parse() => Error::HttpProtocolError,
                _ => Error::ConnectionTerminated,
            };
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
                io::ErrorKind::TimedOut => return Error::ConnectionTimeout,
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                    return Error::DestinationUnavailable;
                }
                _ => {}
            }
            // What an error of TLS comes in.
            next = error.get_ref().map(|inner| inner as &(dyn StdError + 'static)).or(error.source());
            continue;
        }
        next = error.source();
    }
    Error::ConnectionTerminated
}

/// What an error is called where few names may be: as in wasi:http.
pub(super) fn error_type(error: &Error) -> &'static str {
    match error {
        Error::ConnectionLimitReached => "connection-limit-reached",
        Error::ConnectionReadTimeout => "connection-read-timeout",
        Error::ConnectionRefused => "connection-refused",
        Error::ConnectionTerminated => "connection-terminated",
        Error::ConnectionTimeout => "connection-timeout",
        Error::DestinationIpProhibited => "destination-IP-prohibited",
        Error::DestinationUnavailable => "destination-unavailable",
        Error::DnsError { .. } => "DNS-error",
        Error::HttpProtocolError => "HTTP-protocol-error",
        Error::HttpResponseHeaderSectionSize(_) => "HTTP-response-header-section-size",
        Error::HttpResponseIncomplete => "HTTP-response-incomplete",
        Error::TlsCertificateError => "TLS-certificate-error",
        Error::TlsProtocolError => "TLS-protocol-error",
        _ => "internal-error",
    }
}

/// Less hyper does not take.
const MIN_BUFFER: usize = 8 << 10;
