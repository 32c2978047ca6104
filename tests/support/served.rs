//! A server at work, and the ways to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use windhover_contract::{Application, Drained, Limits, Server, ServerHandle};
use windhover_http::TestClock;
use windhover_sandbox::{Leave, Sandbox};

use crate::secure::{self, Secured};
use crate::wire::Stream;
use crate::{MemoryClient, Wire, bounded};

/// A server at work. Dropping it aborts everything.
pub struct Served {
    addresses: Vec<String>,
    client: Client,
    pub(crate) clock: Option<TestClock>,
    pub(crate) sandbox: Option<Arc<Sandbox>>,
    announce_shutdown: Box<dyn Fn() + Send + Sync>,
    /// Bytes that a client's system takes that are not read. `None`: as many as it likes.
    window: Option<u32>,
    shutdown: Option<oneshot::Sender<()>>,
    serving: JoinHandle<Drained>,
}

pub(crate) enum Client {
    Memory(MemoryClient),
    Tcp(String),
    Tls(String, Secured),
}

impl Served {
    pub(crate) fn start(server: impl Server, client: Client, application: impl Application) -> Self {
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
            clock: None,
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
            if let Some(clock) = &self.clock {
                // The client is done with the handshake before the server is, whose time for it must not pass.
                let limit = Limits::default().tls.handshake_timeout;
                bounded("the end of a handshake", clock.wait_until_disarmed_at(limit)).await;
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

    /// Advances the server's clock, as soon as a limit is armed that ends within that time.
    pub async fn advance(&self, time: Duration) {
        bounded("something that is to end soon", self.clock().advance(time)).await;
    }

    /// Advances the server's clock to a second before the end of `limit`, as soon as a limit is armed that ends by then.
    /// Returns when one still runs that ends in that second.
    pub async fn almost_reach(&self, limit: Duration) {
        bounded("something that is to end by then", self.clock().wait_until_armed(limit)).await;
        self.clock().jump(limit - Duration::from_secs(1));
        bounded("something that is to end soon", self.clock().wait_until_armed_at(Duration::from_secs(1))).await;
    }

    /// Waits for something, and advances the server's clock meanwhile.
    pub async fn advance_while<T>(&self, time: Duration, wait: impl Future<Output = T>) -> T {
        let passing = async {
            self.clock().advance(time).await;
            std::future::pending().await
        };
        tokio::select! {
            done = wait => done,
            never = passing => never,
        }
    }

    /// The clock of a server that was made [`TestServer::with_test_clock`].
    pub fn clock(&self) -> &TestClock {
        self.clock.as_ref().expect("it was made with a test clock")
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
