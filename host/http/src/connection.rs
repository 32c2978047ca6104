//! One connection: detects the protocol of its client, and serves it.

use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::ready;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::ReadBuf;
use tokio::sync::watch;
use tracing::debug;
use windhover_contract::{
    Application, Connection, ConnectionEnd, Ends, HostFault, KnownHost, Limits, Observer, ServerAddresses,
    ServerVariables, TrustedPeers,
};

use crate::clock::Clock;
use crate::connection_limit::Permit;
use crate::drain::{Draining, FIRST_CHANCE, LAST_CHANCE, idle_grace};
use crate::ending::{Ending, WorkerEnding};
use crate::exchange::ConnectionContext;
use crate::http1;
use crate::http2;
use crate::poll_on_wake::PollOnWake;
use crate::protocols::Protocols;
use crate::proxy_protocol::Told;
use crate::socket::Socket;
use crate::stream::Stream;
use crate::tls::{Tls, facts};
use crate::transport::Arrived;

/// What all connections of a worker share.
pub(crate) struct Connections<A> {
    pub(crate) application: Arc<A>,
    /// The current addresses.
    pub(crate) addresses: watch::Receiver<Arc<ServerAddresses>>,
    pub(crate) variables: Arc<ServerVariables>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) clock: Clock,
    pub(crate) draining: Draining,
    pub(crate) ending: WorkerEnding,
    pub(crate) observer: Option<Arc<dyn Observer>>,
}

/// A connection on its way to a worker.
pub(crate) struct Arrival {
    pub(crate) stream: Arrived,
    /// `None`: its client has no address.
    pub(crate) remote: Option<SocketAddr>,
    pub(crate) permit: Permit,
    pub(crate) settings: Arc<EndpointSettings>,
}

/// The settings of an endpoint for its connections.
#[derive(Debug)]
pub(crate) struct EndpointSettings {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) protocols: Protocols,
    /// The peers whose connections begin with a PROXY header. `None`: connections begin with TLS or HTTP.
    pub(crate) proxy_protocol: Option<TrustedPeers>,
    /// Learns that the endpoint is removed.
    pub(crate) draining: Draining,
}

impl<A> Clone for Connections<A> {
    fn clone(&self) -> Self {
        Self {
            application: Arc::clone(&self.application),
            addresses: self.addresses.clone(),
            variables: Arc::clone(&self.variables),
            limits: Arc::clone(&self.limits),
            clock: self.clock.clone(),
            draining: self.draining.clone(),
            ending: self.ending.clone(),
            observer: self.observer.clone(),
        }
    }
}

impl<A: Application> Connections<A> {
    /// Serves one connection until either side ends it. Its error goes to the debug log.
    pub(crate) fn serve(&self, arrival: Arrival) -> impl Future<Output = ()> + Send + use<A> {
        let own = self.clone();
        async move {
            let is_refused = arrival.permit.is_refused();
            let (clock, observer) = (own.clock.clone(), own.observer.clone());
            let begun = clock.now();
            let socket = Ends { remote: arrival.remote, local: arrival.stream.local() };
            let endpoint = arrival.settings.name.clone();
            let mut connection = Arc::new(Connection { endpoint, ..Connection::new(next_id(), socket) });
            let ending = Arc::new(Ending::new(own.ending.clone()));
            let ended = if is_refused {
                debug!(remote = ?socket.remote, "refused a connection: the limit of connections is reached");
                clock
                    .timeout(REFUSAL_TIME, Box::pin(own.serve_one(arrival, &mut connection, ending)))
                    .await
                    .unwrap_or(Ok(()))
            } else {
                let overdue = pin!(overdue(arrival.settings.draining.clone(), &clock, own.limits.drain_timeout));
                let mut overdue = PollOnWake::new(overdue);
                let mut serving = pin!(own.serve_one(arrival, &mut connection, Arc::clone(&ending)));
                tokio::select! {
                    biased;
                    ended = &mut serving => ended,
                    () = &mut overdue => {
                        ending.begin(HostFault::Leaving);
                        Err(NOT_SERVED.to_owned())
                    }
                }
            };
            if let Err(reason) = &ended {
                debug!(remote = ?socket.remote, %reason, "a connection ended early");
            }
            if let Some(observer) = observer {
                let end = match &ended {
                    _ if is_refused => ConnectionEnd::Refused,
                    Ok(()) => ConnectionEnd::Closed,
                    Err(reason) => ConnectionEnd::Broken(reason),
                };
                observer.connection_ended(&connection, clock.now() - begun, end);
            }
        }
    }

    /// Replaces the connection by what a PROXY header tells of it.
    async fn serve_one(
        mut self,
        arrival: Arrival,
        connection: &mut Arc<Connection>,
        ending: Arc<Ending>,
    ) -> Result<(), String> {
        let Arrival { stream, remote, permit, settings } = arrival;
        self.draining = self.draining.or(&settings.draining);
        let mut stream = stream.register().map_err(|failure| failure.to_string())?;
        let (mut told, mut first) = (Told::default(), Bytes::new());
        if let Some(trusted) = &settings.proxy_protocol {
            let reading = Box::pin(self.read_proxy_header(&mut stream, trusted, remote, connection));
            match reading.await.map_err(|failure| failure.to_string())? {
                Some(read) => (told, first) = read,
                None => return Ok(()),
            }
        }
        if told.ends.is_some() {
            *connection = Arc::new(Connection { told: told.ends, ..Connection::clone(connection) });
        }
        let Some((socket, protocol, tls)) =
            self.greet(stream, first, &settings, connection).await.map_err(|failure| failure.to_string())?
        else {
            return Ok(());
        };
        if !told.variables.is_empty() {
            self.variables = Arc::new(self.variables.with(told.variables));
        }
        // The client's session with the proxy, and not the proxy's with this server.
        let tls = told.tls.map(Arc::new).or(tls);
        self.speak(socket, protocol, tls, Arc::clone(connection), permit, ending).await
    }

    /// Serves a client that is connected by a pipe, like one without TLS.
    #[cfg(feature = "in-memory")]
    pub(crate) async fn serve_in_memory(mut self, pipe: tokio::io::DuplexStream, permit: Permit) -> Result<(), String> {
        let mut socket = Socket::new(Stream::Memory(pipe), self.clock.clone());
        match self.find_out(&mut socket).await.map_err(|failure| failure.to_string())? {
            Some(protocol) => {
                let connection = Arc::new(Connection::new(next_id(), Ends::default()));
                self.speak(socket, protocol, None, connection, permit, Arc::default()).await
            }
            None => Ok(()),
        }
    }

    async fn speak(
        self,
        socket: Socket,
        protocol: Protocol,
        tls: Option<Arc<windhover_contract::Tls>>,
        connection: Arc<Connection>,
        permit: Permit,
        ending: Arc<Ending>,
    ) -> Result<(), String> {
        let context = ConnectionContext {
            connection,
            tls,
            server_addresses: Arc::clone(&self.addresses.borrow()),
            server_variables: self.variables,
            limits: self.limits,
            clock: self.clock,
            ending,
            known_host: KnownHost::default(),
            observer: self.observer,
        };
        // In boxes, so that a connection is only as large as its protocol needs.
        match protocol {
            Protocol::Http1 => Box::pin(http1::serve(socket, self.application, context, permit, self.draining)).await,
            Protocol::Http2 => Box::pin(http2::serve(socket, self.application, context, permit, self.draining)).await,
        }
    }

    /// Performs the TLS handshake, if there is one, and detects the protocol. `None`: there is nothing to serve. `first`:
    /// what was read of the stream already.
    async fn greet(
        &mut self,
        stream: Stream,
        first: Bytes,
        settings: &EndpointSettings,
        connection: &Connection,
    ) -> io::Result<Option<(Socket, Protocol, Option<Arc<windhover_contract::Tls>>)>> {
        let Some(tls) = &settings.tls else {
            let mut socket = Socket::new(stream, self.clock.clone());
            socket.put_back(first);
            if settings.protocols == Protocols::HTTP1 {
                return Ok(Some((socket, Protocol::Http1, None)));
            }
            let protocol = self.find_out(&mut socket).await?;
            if protocol == Some(Protocol::Http1) && !settings.protocols.contains(Protocols::HTTP1) {
                return Err(http1::refuse(socket, &self.clock).await);
            }
            return Ok(protocol.map(|protocol| (socket, protocol, None)));
        };
        let Stream::Tcp(mut stream) = stream else {
            return Err(io::Error::other("TLS needs TCP"));
        };
        stream.put_back(first);
        let leaving = async {
            self.draining.begun().await;
            self.clock.alarm(LAST_CHANCE).await;
        };
        let (begun, time) = (self.clock.now(), self.limits.tls.handshake_timeout);
        let stream = tokio::select! {
            biased;
            // In a box: it is large, and finished when the connection has hardly begun.
            shaken = self.clock.timeout(time, Box::pin(tls.accept(stream, &self.clock))) => {
                let too_long = || Err(io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake took too long"));
                let shaken = shaken.unwrap_or_else(too_long);
                if let Some(observer) = &self.observer {
                    let failure = shaken.as_ref().err().map(ToString::to_string);
                    observer.handshake(connection, self.clock.now() - begun, failure.as_deref());
                }
                shaken?
            }
            () = leaving => return Ok(None),
        };
        let facts = Arc::new(facts(stream.get_ref().1));
        let protocol = if facts.alpn.as_deref() == Some("h2") { Protocol::Http2 } else { Protocol::Http1 };
        let socket = Socket::new(Stream::Tls(Box::new(stream)), self.clock.clone());
        Ok(Some((socket, protocol, Some(facts))))
    }

    /// Reads until the client has begun to send, and detects its protocol. `None`: it has not begun in time, or the
    /// server shuts down.
    async fn find_out(&mut self, socket: &mut Socket) -> io::Result<Option<Protocol>> {
        let grace = idle_grace(&self.limits).max(FIRST_CHANCE);
        let leaving = self.draining.grace_over(grace, &self.clock);
        let mut first = tokio::select! {
            biased;
            bytes = read(socket) => bytes?,
            () = leaving => return Ok(None),
            () = self.clock.alarm(self.limits.keep_alive_timeout) => return Ok(None),
        };
        if !first.is_empty() && is_partial_preface(&first) {
            let rest = async {
                let mut bytes = BytesMut::from(&first[..]);
                while is_partial_preface(&bytes) {
                    match read(socket).await? {
                        more if more.is_empty() => break,
                        more => bytes.extend_from_slice(&more),
                    }
                }
                Ok::<_, io::Error>(bytes.freeze())
            };
            match self.clock.timeout(self.limits.request_head_timeout, rest).await {
                Some(bytes) => first = bytes?,
                None => return Ok(None),
            }
        }
        let protocol = if first.starts_with(PREFACE) { Protocol::Http2 } else { Protocol::Http1 };
        socket.put_back(first);
        Ok(Some(protocol))
    }
}

/// Ends when a connection of a removed endpoint has had its time to finish. At a shutdown of the whole server the
/// worker does that, and counts.
async fn overdue(mut draining: Draining, clock: &Clock, drain_timeout: Duration) {
    draining.begun().await;
    clock.alarm(drain_timeout).await;
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// What has arrived. Empty: the client has ended.
async fn read(socket: &mut Socket) -> io::Result<Bytes> {
    std::future::poll_fn(|cx| {
        // On the stack, because most connections wait most of the time and should hold no buffer meanwhile.
        let mut buffer = [MaybeUninit::uninit(); READ_SIZE];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(socket.poll_read(cx, &mut buffer))?;
        std::task::Poll::Ready(Ok(Bytes::copy_from_slice(buffer.filled())))
    })
    .await
}

/// Whether these bytes are only the beginning of an HTTP/2 preface.
fn is_partial_preface(bytes: &[u8]) -> bool {
    bytes.len() < PREFACE.len() && PREFACE.starts_with(bytes)
}

/// Unique in this process. The start of the process is in it, so that it is not repeated after a restart.
fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(std::process::id()) as u32
    });
    format!("{:08x}-{:x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// RFC 9113 §3.4: how a client begins that knows that the server speaks HTTP/2. No request of HTTP/1.x looks like it.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How much is read at once at the beginning of a connection.
const READ_SIZE: usize = 8 << 10;

/// Why a connection of a removed endpoint is aborted.
const NOT_SERVED: &str = "its endpoint was removed, and its time to finish is over";

/// How long refusing a connection may take.
const REFUSAL_TIME: Duration = Duration::from_secs(2);
