//! Every server there is, behind one type, so that a test is written once and runs on each: `for_each_server!`.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use windhover_contract::{Application, Drained, Limits, Request, Response, Server, ServerHandle};
use windhover_http::{Clock, EndpointConfig, HttpConfig, HttpServer, TestClock, TlsConfig};
use windhover_sandbox::{Grants, Guest, Leave, Sandbox, SandboxLimits};

use crate::memory::{self, Facts};
use crate::secure::{self, Folder, Secured};
use crate::wire::Stream;
use crate::{MemoryClient, MemoryServer, Wire, bounded};

/// Makes of each function a module with one test for each server: `name::memory`, `name::http` and `name::https`, which
/// is HTTP/1.1 over TLS.
///
/// ```text
/// for_each_server! {
///     async fn a_sentence_about_behaviour(server) {
///         let served = server.serve(guest("rust-hello")).await;
///         …
///     }
/// }
/// ```
#[macro_export]
macro_rules! for_each_server {
    ($($(#[$attribute:meta])* async fn $sentence:ident($server:ident) $body:block)+) => {$(
        mod $sentence {
            #[allow(unused_imports, reason = "not every sentence needs what its file imports")]
            use super::*;

            async fn holds_on($server: $crate::TestServer) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn memory() {
                holds_on($crate::TestServer::memory()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn http() {
                holds_on($crate::TestServer::http()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn https() {
                holds_on($crate::TestServer::https()).await;
            }
        }
    )+};
}

/// As [`for_each_server!`], for what only sockets have: `name::http` and `name::https`.
#[macro_export]
macro_rules! for_each_socket {
    ($($(#[$attribute:meta])* async fn $sentence:ident($server:ident) $body:block)+) => {$(
        mod $sentence {
            #[allow(unused_imports, reason = "not every sentence needs what its file imports")]
            use super::*;

            async fn holds_on($server: $crate::TestServer) $body

            $(#[$attribute])*
            #[tokio::test]
            async fn http() {
                holds_on($crate::TestServer::http()).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn https() {
                holds_on($crate::TestServer::https()).await;
            }
        }
    )+};
}

/// A server that is about to be started: the defaults of everything, changed as a test needs.
#[derive(Clone)]
pub struct TestServer {
    kind: Kind,
    limits: Limits,
    is_by_hand: bool,
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
            is_by_hand: false,
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

    /// Stops the server's clock: time passes for its limits when [`Served::let_pass`] and its kin say so. The limits of
    /// guests have their own time, which goes on.
    pub fn by_hand(mut self) -> Self {
        self.is_by_hand = true;
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
        let Self { kind, limits, is_by_hand, sandbox_limits, facts, grants, changes } = self;
        let grants = grants.iter().fold(Grants::default(), |granted, grant| grant(granted));
        let sandbox = Arc::new(Sandbox::new(guest, "test", sandbox_limits, grants));
        let mut served = serve(kind, limits, is_by_hand, facts, changes, Shared(Arc::clone(&sandbox)));
        served.sandbox = Some(sandbox);
        served
    }

    /// Serves a function of the test's own.
    pub async fn serve_fn<F, A>(self, answer: F) -> Served
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        serve(self.kind, self.limits, self.is_by_hand, self.facts, self.changes, Function(answer))
    }
}

fn serve(
    kind: Kind,
    limits: Limits,
    is_by_hand: bool,
    facts: Facts,
    changes: Changes,
    application: impl Application,
) -> Served {
    let (clock, hand) = if is_by_hand { Some(Clock::manual()).unzip() } else { (None, None) };
    let clock = clock.unwrap_or_default();
    let mut served = start(kind, limits, clock, facts, changes, application);
    served.hand = hand;
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

/// A server at work. Dropping it aborts everything.
pub struct Served {
    addresses: Vec<String>,
    client: Client,
    hand: Option<TestClock>,
    sandbox: Option<Arc<Sandbox>>,
    announce_shutdown: Box<dyn Fn() + Send + Sync>,
    /// Bytes that a client's system takes that are not read. `None`: as many as it likes.
    window: Option<u32>,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Drained>,
}

enum Client {
    Memory(MemoryClient),
    Tcp(String),
    Tls(String, Secured),
}

impl Served {
    fn start(server: impl Server, client: Client, application: impl Application) -> Self {
        let handle = server.handle();
        let addresses = handle.addresses().iter().map(str::to_owned).collect();
        let (shutdown, begun) = oneshot::channel::<()>();
        let serving = server.serve(Arc::new(application), async {
            let _ = begun.await; // an error: the handle was dropped, and everything ends with it
        });
        let serving = tokio::spawn(async { serving.await.expect("the system lets a test serve") });
        Self {
            addresses,
            client,
            hand: None,
            sandbox: None,
            announce_shutdown: Box::new(move || handle.announce_shutdown()),
            window: None,
            shutdown: Some(shutdown),
            serving,
        }
    }

    /// The addresses that the server says it is bound to.
    pub fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// A new connection.
    pub async fn connect(&self) -> Wire {
        self.try_connect().await.expect("the server accepts connections")
    }

    /// A new connection, if the server accepts one.
    pub async fn try_connect(&self) -> io::Result<Wire> {
        if let Client::Memory(client) = &self.client {
            return bounded("the server to accept or to refuse", client.connect()).await.map(Wire::memory);
        }
        let (stream, local) = self.open("http/1.1").await?;
        Ok(Wire::of(stream, local))
    }

    /// A new connection on which that is spoken, and the client's address.
    pub(crate) async fn open(&self, alpn: &str) -> io::Result<(Box<dyn Stream>, SocketAddr)> {
        if let Client::Tls(..) = &self.client {
            let stream = self.connect_tls(secure::client(&[alpn], None)).await?;
            let local = stream.get_ref().0.local_addr()?;
            if let Some(hand) = &self.hand {
                // The client is done with the handshake before the server is, whose time for it must not pass.
                let limit = Limits::default().tls.handshake_timeout;
                bounded("the end of a handshake", hand.wait_until_disarmed_at(limit)).await;
            }
            return Ok((Box::new(stream), local));
        }
        let stream = self.try_connect_tcp().await?;
        let local = stream.local_addr()?;
        Ok((Box::new(stream), local))
    }

    /// A new connection with TLS, by a client of the test's own.
    pub async fn connect_tls(&self, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        self.connect_tls_to("localhost", client).await
    }

    /// A new connection with TLS, to a server of that name.
    pub async fn connect_tls_to(&self, name: &'static str, client: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.try_connect_tcp().await?;
        let name = name.try_into().expect("it is a name or an address");
        let connector = TlsConnector::from(Arc::new(client));
        bounded("the server to shake hands", connector.connect(name, stream)).await
    }

    /// Whoever connects from now on has a system that takes little that is not read.
    pub fn with_window(mut self, bytes: u32) -> Self {
        self.window = Some(bytes);
        self
    }

    /// Waits until the server's system holds nothing more of the connection with this client: neither the socket nor what
    /// was written to it.
    pub async fn forgotten(&self, client: SocketAddr) {
        let (Client::Tcp(address) | Client::Tls(address, _)) = &self.client else { return };
        let server: SocketAddr = address.parse().expect("it is an address");
        let forgotten = async {
            while crate::kernel::holds(server.port(), client.port()) {
                tokio::task::yield_now().await;
            }
        };
        bounded("the system to forget a connection", forgotten).await;
    }

    /// A new connection on which nothing was said yet, not even a handshake.
    pub async fn connect_tcp(&self) -> TcpStream {
        self.try_connect_tcp().await.expect("the server accepts connections")
    }

    async fn try_connect_tcp(&self) -> io::Result<TcpStream> {
        let (Client::Tcp(address) | Client::Tls(address, _)) = &self.client else {
            panic!("the server in memory has no sockets");
        };
        let address: SocketAddr = address.parse().expect("it is an address");
        let socket = TcpSocket::new_v4()?;
        if let Some(window) = self.window {
            socket.set_recv_buffer_size(window)?;
        }
        let stream = bounded("the server to accept or to refuse", socket.connect(address)).await?;
        stream.set_nodelay(true)?; // else a test waits for the acknowledgement of one piece before it sends the next
        Ok(stream)
    }

    /// Waits for the server's answer to somebody else. What it had to do before that it has done.
    pub async fn round_trip(&self) {
        let mut other = self.connect().await;
        other.send("GET / HTTP/1.1\r\n\r\n").await; // without a host, so that the application has nothing to do with it
        other.receive_head().await;
    }

    /// Expects that nothing has come on this connection, not even its end, though the server has had the time for it: it
    /// answers somebody else meanwhile.
    pub async fn expect_nothing_yet(&self, wire: &mut Wire) {
        self.round_trip().await;
        wire.expect_nothing_yet().await;
    }

    /// The scheme that the server is asked in.
    pub fn scheme(&self) -> &'static str {
        if let Client::Tls(..) = &self.client { "https" } else { "http" }
    }

    /// The TLS of a server that has it.
    pub fn secured(&self) -> &Secured {
        let Client::Tls(_, secured) = &self.client else { panic!("this server has no TLS") };
        secured
    }

    /// Lets so much time pass, once something waits for an end within it.
    pub async fn let_pass(&self, time: Duration) {
        bounded("something that is to end soon", self.hand().advance(time)).await;
    }

    /// Lets time pass that is over a second before `limit` is, once something waits for an end within it. What ends
    /// before that does not wait for the last second.
    pub async fn let_almost_pass(&self, limit: Duration) {
        bounded("something that is to end by then", self.hand().wait_until_armed(limit)).await;
        self.hand().jump(limit - Duration::from_secs(1));
        bounded("something that is to end soon", self.hand().wait_until_armed_at(Duration::from_secs(1))).await;
    }

    /// Waits for what comes by itself, or when so much time has passed.
    pub async fn while_time_passes<T>(&self, time: Duration, wait: impl Future<Output = T>) -> T {
        let passing = async {
            self.hand().advance(time).await;
            std::future::pending().await
        };
        tokio::select! {
            done = wait => done,
            never = passing => never,
        }
    }

    /// What moves the clock of a server that was made [`TestServer::by_hand`].
    pub fn hand(&self) -> &TestClock {
        self.hand.as_ref().expect("its clock is moved by hand")
    }

    /// Tells the server that it is about to leave.
    pub fn announce_shutdown(&self) {
        (self.announce_shutdown)();
    }

    /// Tells the guests that they are about to be shut down.
    pub fn shut_guests_down(&self) {
        self.sandbox.as_ref().expect("it serves a guest").leave(Leave::Away);
    }

    /// Tells the server to drain, and does not wait for it.
    pub fn begin_shutdown(&mut self) {
        let shutdown = self.shutdown.take().expect("a server is shut down once");
        shutdown.send(()).expect("a server serves until it is told not to");
    }

    /// How the server ended, once it was told to drain.
    pub async fn drained(mut self) -> Drained {
        bounded("the server to end", &mut self.serving).await.expect("serving does not panic")
    }

    /// Tells the server to drain and waits for its end.
    pub async fn shutdown(mut self) -> Drained {
        self.begin_shutdown();
        self.drained().await
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.serving.abort();
    }
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
