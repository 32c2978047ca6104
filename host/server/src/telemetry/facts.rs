//! What is recorded of one exchange.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode, Version};
use windhover_contract::{ClientFault, Connection, Fault, Identifier, Lifetime, Request, Scheme};

/// What is recorded of one exchange.
pub(crate) struct Facts {
    pub(super) began: Instant,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) host: Option<String>,
    pub(super) scheme: Scheme,
    pub(super) version: Version,
    pub(super) connection: Option<Arc<Connection>>,
    pub(super) identifier: Option<Identifier>,
    /// The app that answers, with its version.
    pub(super) app: Option<(Arc<str>, Arc<str>)>,
    /// The path that the app is at. `None`: no app was found, or nobody wants to know.
    pub(super) route: Option<String>,
    /// `None`: the exchange broke off before.
    pub(super) status: Option<StatusCode>,
    pub(super) until_head: Option<Duration>,
    /// Bytes of content that the client was sent.
    pub(super) sent: u64,
    /// Bytes of content that the app has read.
    pub(super) read: Arc<AtomicU64>,
    /// Knows whether this side has broken the exchange off. `None`: nobody does.
    pub(super) lifetime: Option<Arc<dyn Lifetime>>,
    /// What broke the response off.
    pub(super) fault: Option<Fault>,
    /// Whether all of the response was sent.
    pub(super) is_whole: bool,
}

impl Facts {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            began: Instant::now(),
            method: request.method.clone(),
            path: request.target.client_path().into_owned(),
            host: request.target.authority().map(|authority| authority.as_str().to_owned()),
            scheme: request.target.scheme(),
            version: request.version,
            connection: request.features.connection.clone(),
            identifier: request.features.identifier.clone(),
            app: None,
            route: None,
            status: None,
            until_head: None,
            sent: 0,
            read: Arc::default(),
            lifetime: request.features.lifetime.clone(),
            fault: None,
            is_whole: false,
        }
    }

    /// Bytes of content that the app has read.
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// The time since the exchange began.
    pub(super) fn took(&self) -> Duration {
        self.began.elapsed()
    }

    /// Why there is no whole response, which says whose fault that is. `None`: there is one.
    pub(super) fn broken_off(&self) -> Option<Fault> {
        if let Some(fault) = &self.fault {
            return Some(fault.clone());
        }
        // A server that has broken the exchange off says so also of content that it had taken and not sent yet.
        let why = self.lifetime.as_ref().and_then(|lifetime| lifetime.broken_off());
        why.or_else(|| (!self.is_whole).then(|| ClientFault::Gone.into()))
    }

    /// The version of HTTP as OpenTelemetry writes it.
    pub(super) fn protocol(&self) -> &'static str {
        protocol(self.version)
    }
}

/// A version of HTTP as OpenTelemetry writes it.
pub(super) fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}
