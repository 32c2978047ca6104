//! Every server there is, behind one type, so that a test is written once and runs on each: `for_each_server!`.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use windhover_contract::{Application, Drained, Limits, Request, Response, Server};
use windhover_http::{HttpConfig, HttpServer};
use windhover_sandbox::{Grants, Guest, Sandbox, SandboxLimits};

use crate::memory::Facts;
use crate::{MemoryClient, MemoryServer, Wire, bounded};

/// Makes of each function a module with one test for each server: `name::memory` and `name::http`.
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
        }
    )+};
}

/// A server that is about to be started: the defaults of everything, changed as a test needs.
#[derive(Clone)]
pub struct TestServer {
    kind: Kind,
    limits: Limits,
    sandbox_limits: SandboxLimits,
    facts: Facts,
    files: Option<PathBuf>,
}

#[derive(Clone, Copy)]
enum Kind {
    Memory,
    Http,
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

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            limits: Limits::default(),
            sandbox_limits: SandboxLimits::default(),
            facts: Facts::default(),
            files: None,
        }
    }

    /// Changes limits of the server.
    pub fn limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.limits);
        self
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

    /// Lets the guest send the files of a folder.
    pub fn files(mut self, folder: &Path) -> Self {
        self.files = Some(folder.to_owned());
        self
    }

    /// Serves a guest.
    pub async fn serve(self, guest: Guest) -> Served {
        let Self { kind, limits, sandbox_limits, facts, files } = self;
        let grants = match files {
            Some(folder) => Grants::default().files(&folder).expect("a test's folder exists"),
            None => Grants::default(),
        };
        let sandbox = Sandbox::new(guest, "test", sandbox_limits, grants);
        serve(kind, limits, facts, sandbox)
    }

    /// Serves a function of the test's own.
    pub async fn serve_fn<F, A>(self, answer: F) -> Served
    where
        F: Fn(Request) -> A + Send + Sync + 'static,
        A: Future<Output = Response> + Send + 'static,
    {
        serve(self.kind, self.limits, self.facts, Function(answer))
    }
}

fn serve(kind: Kind, limits: Limits, facts: Facts, application: impl Application) -> Served {
    match kind {
        Kind::Memory => {
            let (server, client) = MemoryServer::bind(limits);
            Served::start(server.with(|own| *own = facts), Client::Memory(client), application)
        }
        Kind::Http => {
            let endpoints = vec!["http://127.0.0.1:0".into()];
            let config = HttpConfig { endpoints, limits, workers: NonZeroUsize::MIN, ..HttpConfig::default() };
            let server = HttpServer::bind(config).expect("the loopback address has a free port");
            let address = server.addresses().iter().next().expect("one URL is one address");
            let client = Client::Tcp(address.trim_start_matches("http://").to_owned());
            Served::start(server, client, application)
        }
    }
}

/// A server at work. Dropping it aborts everything.
pub struct Served {
    addresses: Vec<String>,
    client: Client,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Drained>,
}

enum Client {
    Memory(MemoryClient),
    Tcp(String),
}

impl Served {
    fn start(server: impl Server, client: Client, application: impl Application) -> Self {
        let addresses = server.addresses().iter().map(str::to_owned).collect();
        let (shutdown, begun) = oneshot::channel::<()>();
        let serving = server.serve(Arc::new(application), async {
            let _ = begun.await; // an error: the handle was dropped, and everything ends with it
        });
        let serving = tokio::spawn(async { serving.await.expect("the system lets a test serve") });
        Self { addresses, client, shutdown: Some(shutdown), serving }
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
    pub async fn try_connect(&self) -> std::io::Result<Wire> {
        let connect = async {
            match &self.client {
                Client::Memory(client) => client.connect().await.map(Wire::memory),
                Client::Tcp(address) => TcpStream::connect(address).await.map(Wire::tcp),
            }
        };
        bounded("the server to accept or to refuse", connect).await
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
