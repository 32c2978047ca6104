//! All endpoints of a server, and how they change while it serves.

use std::convert::Infallible;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::error;
use windhover_contract::{EndpointsChanged, ServerAddresses};

use crate::connection::EndpointSettings;
use crate::drain::{Drain, Draining};
use crate::endpoint::{BindError, Bound, Endpoint, EndpointConfig};
use crate::inherited::InheritedSocket;
use crate::listener::Listener;
use crate::tls::Tls;
use crate::worker::Workers;

/// Every endpoint of a server, bound.
pub(crate) struct Endpoints {
    bound: Vec<BoundEndpoint>,
    inherited: Vec<InheritedSocket>,
}

/// An endpoint. Dropping it drains its connections.
struct BoundEndpoint {
    config: EndpointConfig,
    /// Their addresses as text.
    addresses: Vec<String>,
    /// The sockets that do not accept yet.
    listeners: Vec<Listener>,
    accepting: JoinSet<()>,
    /// Ends accepting.
    closing: Drain,
    settings: watch::Sender<Arc<EndpointSettings>>,
    _draining: Drain,
}

impl Endpoints {
    /// Binds every endpoint, or none: the first failure is the error, and closes what was bound before it.
    pub(crate) fn bind(configs: Vec<EndpointConfig>, inherited: Vec<InheritedSocket>) -> Result<Self, BindError> {
        if configs.is_empty() {
            return Err(BindError::NoUrl);
        }
        require_each_served(&configs, &inherited)?;
        Ok(Self { bound: bind(configs, &inherited)?, inherited })
    }

    pub(crate) fn addresses(&self) -> ServerAddresses {
        addresses(&self.bound).into_iter().collect()
    }

    /// Begins to accept.
    pub(crate) fn open(&mut self, workers: &Workers) {
        self.bound.iter_mut().for_each(|endpoint| endpoint.open(workers));
    }

    /// Stops accepting as soon as this returns. Clients that have connected before are served, and connections go on.
    pub(crate) async fn close(&mut self) {
        close(&mut self.bound).await;
    }

    /// As [`windhover_contract::ServerHandle::change_endpoints`] says.
    pub(crate) async fn change(
        &mut self,
        configs: Vec<EndpointConfig>,
        workers: &Workers,
    ) -> Result<EndpointsChanged, BindError> {
        if configs.is_empty() {
            return Err(BindError::NoUrl);
        }
        require_each_served(&configs, &self.inherited)?;
        let mut going = std::mem::take(&mut self.bound);
        let (mut staying, mut new) = (Vec::new(), Vec::new());
        for config in configs {
            match going.iter().position(|endpoint| endpoint.config.is_bound_like(&config)) {
                Some(at) => staying.push((going.swap_remove(at), config)),
                None => new.push(config),
            }
        }
        let mut coming = match self.bind_beside(new, &mut going, workers).await {
            Ok(coming) => coming,
            Err(reason) => {
                self.bound = staying.into_iter().map(|(endpoint, _)| endpoint).chain(going).collect();
                return Err(reason);
            }
        };
        coming.iter_mut().for_each(|endpoint| endpoint.open(workers));
        close(&mut going).await;
        let changed = EndpointsChanged { opened: addresses(&coming), closed: addresses(&going) };
        for (mut endpoint, config) in staying {
            endpoint.change(config);
            self.bound.push(endpoint);
        }
        self.bound.extend(coming);
        Ok(changed)
    }

    /// Binds new endpoints while the old ones are served. If an old one is in the way, as when `http` becomes `https`
    /// at the same port, it is closed first, and opened again if that did not help.
    async fn bind_beside(
        &self,
        new: Vec<EndpointConfig>,
        old: &mut Vec<BoundEndpoint>,
        workers: &Workers,
    ) -> Result<Vec<BoundEndpoint>, BindError> {
        match bind(new.clone(), &self.inherited) {
            Err(reason) if reason.is_taken() && !old.is_empty() => {}
            bound => return bound,
        }
        close(old).await;
        bind(new, &self.inherited).inspect_err(|_| {
            old.retain_mut(|endpoint| match endpoint.reopen(&self.inherited, workers) {
                Ok(()) => true,
                Err(reason) => {
                    error!("{} is not served any more: {reason}", endpoint.config.url);
                    false
                }
            });
        })
    }

    /// Follows the certificates until the returned value is dropped.
    pub(crate) fn follow(&self) -> JoinSet<Infallible> {
        let mut tls: Vec<_> = self.bound.iter().filter_map(|endpoint| endpoint.config.tls.clone()).collect();
        tls.sort_by_key(Arc::as_ptr);
        tls.dedup_by(|one, other| Arc::ptr_eq(one, other));
        tls.into_iter().map(|tls| tls.follow(Tls::CHECK_INTERVAL)).collect()
    }
}

impl BoundEndpoint {
    fn bind(config: EndpointConfig, inherited: &[InheritedSocket]) -> Result<Self, BindError> {
        let (draining, to_drain) = Drain::new();
        let (settings, _) = watch::channel(Arc::new(config.settings(to_drain)));
        let mut endpoint = Self {
            config,
            addresses: Vec::new(),
            listeners: Vec::new(),
            accepting: JoinSet::new(),
            closing: Drain::new().0,
            settings,
            _draining: draining,
        };
        endpoint.listen(inherited)?;
        Ok(endpoint)
    }

    fn listen(&mut self, inherited: &[InheritedSocket]) -> Result<(), BindError> {
        let endpoint = self.config.endpoint()?;
        let bound = endpoint.bind(&self.config, inherited)?;
        self.addresses = bound.iter().map(|bound| bound.address.clone()).collect();
        let listener = |bound: Bound| Listener {
            socket: bound.socket,
            settings: self.settings.subscribe(),
            is_inherited: endpoint.is_inherited(),
            #[cfg(unix)]
            _file: bound.file,
        };
        self.listeners = bound.into_iter().map(listener).collect();
        Ok(())
    }

    fn open(&mut self, workers: &Workers) {
        let (closing, to_close) = Drain::new();
        self.closing = closing;
        for listener in self.listeners.drain(..) {
            self.accepting.spawn(listener.accept(workers.dispatch(), to_close.clone()));
        }
    }

    fn reopen(&mut self, inherited: &[InheritedSocket], workers: &Workers) -> Result<(), BindError> {
        self.listen(inherited)?;
        self.open(workers);
        Ok(())
    }

    /// Applies the settings of another configuration with the same sockets.
    fn change(&mut self, config: EndpointConfig) {
        let draining = self.settings.borrow().draining.clone();
        self.settings.send_replace(Arc::new(config.settings(draining)));
        self.config = config;
    }
}

impl EndpointConfig {
    fn settings(&self, draining: Draining) -> EndpointSettings {
        EndpointSettings {
            name: self.name.clone(),
            tls: self.tls.clone(),
            protocols: self.protocols,
            proxy_protocol: self.proxy_protocol.clone(),
            draining,
        }
    }
}

/// The clients of an inherited socket that is not served would wait forever: the process that passed it on keeps it
/// open.
fn require_each_served(configs: &[EndpointConfig], inherited: &[InheritedSocket]) -> Result<(), BindError> {
    let endpoints = configs.iter().map(EndpointConfig::endpoint).collect::<Result<Vec<_>, _>>()?;
    let is_absent = |endpoint: &Endpoint| !inherited.iter().any(|socket| endpoint.takes(&socket.name));
    if endpoints.iter().any(|endpoint| endpoint.is_inherited() && is_absent(endpoint)) {
        return Ok(()); // a name is wrong, which binding tells
    }
    match inherited.iter().find(|socket| !endpoints.iter().any(|endpoint| endpoint.takes(&socket.name))) {
        None => Ok(()),
        Some(socket) => Err(BindError::NotServed { name: socket.name.clone(), address: socket.address() }),
    }
}

fn bind(configs: Vec<EndpointConfig>, inherited: &[InheritedSocket]) -> Result<Vec<BoundEndpoint>, BindError> {
    configs.into_iter().map(|config| BoundEndpoint::bind(config, inherited)).collect()
}

fn addresses(bound: &[BoundEndpoint]) -> Vec<String> {
    bound.iter().flat_map(|endpoint| endpoint.addresses.iter().cloned()).collect()
}

async fn close(endpoints: &mut [BoundEndpoint]) {
    endpoints.iter().for_each(|endpoint| endpoint.closing.begin(None));
    for endpoint in endpoints {
        while let Some(ended) = endpoint.accepting.join_next().await {
            if let Err(panic) = ended {
                error!(%panic, "a listener panicked; this is a bug in Windhover");
            }
        }
    }
}
