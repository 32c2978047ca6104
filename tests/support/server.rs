//! A server that is about to be started, whichever it is.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use windhover_contract::{Application, Limits, Request, Response, Server, ServerHandle};
use windhover_http::{Clock, EndpointConfig, HttpConfig, HttpServer, TlsConfig};
use windhover_sandbox::{Grants, Guest, Sandbox, SandboxLimits};

use crate::MemoryServer;
use crate::memory::{self, Facts};
use crate::secure::{Folder, Secured};
use crate::served::{Client, Served};

/// A server that is about to be started: the defaults of everything, changed as a test needs.
#[derive(Clone)]
pub struct TestServer {
    kind: Kind,
    limits: Limits,
    has_test_clock: bool,
    sandbox_limits: SandboxLimits,
    facts: Facts,
    grants: Vec<Arc<Grant>>,
    changes: Changes,
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Http,
    Https,
}

type ChangeConfig = dyn Fn(&mut HttpConfig) + Send + Sync;
type Grant = dyn Fn(Grants) -> Grants + Send + Sync;
type ChangeTls = dyn Fn(&mut TlsConfig, &Folder) + Send + Sync;

/// What a test changes of the HTTP server.
#[derive(Clone, Default)]
struct Changes {
    config: Vec<Arc<ChangeConfig>>,
    tls: Vec<Arc<ChangeTls>>,
}

impl TestServer {
    /// The server in memory.
    pub fn memory() -> Self {
        Self::of(Kind::Memory)
    }

    /// The HTTP server, on a free port of the loopback address.
    pub fn http() -> Self {
        Self::of(Kind::Http)
    }

    /// The same with TLS, with a certificate for `localhost`.
    pub fn https() -> Self {
        Self::of(Kind::Https)
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            // Most tests are done with their connections, and would wait for nothing.
            limits: Limits { drain_idle_grace: Duration::ZERO, ..Limits::default() },
            has_test_clock: false,
            sandbox_limits: SandboxLimits::default(),
            facts: Facts::default(),
            grants: Vec::new(),
            changes: Changes::default(),
        }
    }

    /// Changes limits of the server.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
    }

    /// Gives the server a clock that stands still until [`Served::advance`] or [`Served::almost_reach`] moves it. The limits
    /// of guests run by the system's time.
    pub fn with_test_clock(mut self) -> Self {
        self.has_test_clock = true;
        self
    }

    /// Lets so many threads share the connections, where there are threads.
    pub fn workers(self, workers: usize) -> Self {
        let workers = NonZeroUsize::new(workers).expect("somebody works");
        self.config(move |config| config.workers = workers)
    }

    /// Changes limits of the guest.
    pub fn sandbox_limits(mut self, change: impl FnOnce(&mut SandboxLimits)) -> Self {
        change(&mut self.sandbox_limits);
        self
    }

    /// The server in memory with facts that only a wire of another kind could bring.
    pub fn memory_with(change: impl FnOnce(&mut Facts)) -> Self {
        let mut server = Self::memory();
        change(&mut server.facts);
        server
    }

    /// Gives the endpoint a name.
    pub fn endpoint(mut self, name: &'static str) -> Self {
        self.facts.endpoint = Some(name.into());
        self.config(move |config| config.endpoints.iter_mut().for_each(|endpoint| endpoint.name = Some(name.into())))
    }

    /// Changes what only the HTTP server has.
    pub fn config(mut self, change: impl Fn(&mut HttpConfig) + Send + Sync + 'static) -> Self {
        self.changes.config.push(Arc::new(change));
        self
    }

    /// Changes the TLS of a server that has it. Its files are in the folder.
    pub fn tls(mut self, change: impl Fn(&mut TlsConfig, &Folder) + Send + Sync + 'static) -> Self {
        self.changes.tls.push(Arc::new(change));
        self
    }

    /// Lets the guest send the files of a folder.
    pub fn files(self, folder: &Path) -> Self {
        let folder = folder.to_owned();
        self.grants(move |grants| grants.files(&folder).expect("a test's folder exists"))
    }

    /// Grants the guest something.
    pub fn grants(mut self, grant: impl Fn(Grants) -> Grants + Send + Sync + 'static) -> Self {
        self.grants.push(Arc::new(grant));
        self
    }

    /// Serves a guest.
    pub async fn serve(self, guest: Guest) -> Served {
        let Self { kind, limits, has_test_clock, sandbox_limits, facts, grants, changes } = self;
        let grants = grants.iter().fold(Grants::default(), |granted, grant| grant(granted));
        let sandbox = Arc::new(Sandbox::new(guest, "test", sandbox_limits, grants));
        let mut served = serve(kind, limits, has_test_clock, facts, changes, Shared(Arc::clone(&sandbox)));
        served.sandbox = Some(sandbox);
        served
    }

    /// Serves a function of the test's own.
    pub async fn serve_fn<F, A>(self, answer: F) -> Served
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        serve(self.kind, self.limits, self.has_test_clock, self.facts, self.changes, Function(answer))
    }
}

fn serve(
    kind: Kind,
    limits: Limits,
    has_test_clock: bool,
    facts: Facts,
    changes: Changes,
    application: impl Application,
) -> Served {
    let (clock, test_clock) = if has_test_clock { Some(Clock::manual()).unzip() } else { (None, None) };
    let clock = clock.unwrap_or_default();
    let mut served = start(kind, limits, clock, facts, changes, application);
    served.clock = test_clock;
    served
}

fn start(
    kind: Kind,
    limits: Limits,
    clock: Clock,
    facts: Facts,
    changes: Changes,
    application: impl Application,
) -> Served {
    let secured = match kind {
        Kind::Memory => {
            let (server, client) = MemoryServer::bind(limits);
            return Served::start(server.with(|own| *own = facts).on(clock), Client::Memory(client), application);
        }
        Kind::Http => None,
        Kind::Https => {
            Some(Secured::new(|config, folder| changes.tls.iter().for_each(|change| change(config, folder))))
        }
    };
    let url = if secured.is_some() { "https://127.0.0.1:0" } else { "http://127.0.0.1:0" };
    let tls = secured.as_ref().map(|secured| Arc::clone(&secured.tls));
    let endpoints = vec![EndpointConfig { tls, ..url.into() }];
    let mut config = HttpConfig { endpoints, limits, workers: NonZeroUsize::MIN, clock, ..HttpConfig::default() };
    changes.config.iter().for_each(|change| change(&mut config));
    let server = HttpServer::bind(config).expect("the loopback address has a free port");
    let addresses = server.handle().addresses();
    let address = addresses.iter().next().expect("one URL is one address");
    let address = address.split_once("://").expect("it is a URL").1.to_owned();
    let client = match secured {
        None => Client::Tcp(address),
        Some(secured) => Client::Tls(address, secured),
    };
    Served::start(server, client, application)
}

/// The server in memory runs by the same clock as the others, which a test can move.
impl memory::Time for Clock {
    fn now(&self) -> Instant {
        Clock::now(self)
    }

    fn sleep_until(&self, deadline: Instant) -> memory::Alarm {
        Box::pin(self.alarm_at(deadline))
    }
}

/// A guest that the test can still reach.
struct Shared(Arc<Sandbox>);

impl Application for Shared {
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send {
        self.0.handle(request)
    }
}

struct Function<F>(F);

impl<F, A> Application for Function<F>
where
    F: Fn(Request) -> A + Send + Sync + 'static,
    A: Future<Output = Response> + Send + 'static,
{
    fn handle(&self, request: Request) -> impl Future<Output = Response> + Send {
        (self.0)(request)
    }
}
