//! One connection: sets its limits, drives it, and lets it finish politely when the server drains.

use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tracing::debug;
use windhover_contract::{Application, Connection, Limits, Scheme, ServerAddresses, ServerVariables};

use crate::activity::{Activity, End};
use crate::census::Place;
use crate::exchange::Exchange;
use crate::socket::Socket;

/// What all connections of a worker share.
pub(crate) struct Connections<A> {
    pub(crate) application: Arc<A>,
    pub(crate) addresses: Arc<ServerAddresses>,
    pub(crate) variables: Arc<ServerVariables>,
    pub(crate) limits: Arc<Limits>,
    pub(crate) draining: watch::Receiver<bool>,
}

impl<A: Application> Connections<A> {
    /// Serves one connection until either side ends it. Errors are the client's affair and are logged quietly.
    pub(crate) fn serve(
        &self,
        stream: TcpStream,
        remote: SocketAddr,
        place: Place,
    ) -> impl Future<Output = ()> + Send + use<A> {
        let (application, limits) = (Arc::clone(&self.application), Arc::clone(&self.limits));
        let (server_addresses, server_variables) = (Arc::clone(&self.addresses), Arc::clone(&self.variables));
        let mut draining = self.draining.clone();
        async move {
            let local = stream.local_addr().ok();
            let stream = match tokio::net::TcpStream::from_std(stream) {
                Ok(stream) => stream,
                Err(failure) => return debug!(%remote, %failure, "a connection could not be served"),
            };
            // A response that is written is sent; waiting for more to fill the packet only delays it.
            let _ = stream.set_nodelay(true);

            let connection = Arc::new(Connection { id: next_id(), remote: Some(remote), local });
            let activity = Arc::new(Activity::new(place));
            let exchange = Arc::new(Exchange {
                application,
                scheme: Scheme::Http,
                connection,
                server_addresses,
                server_variables,
                limits: Arc::clone(&limits),
                activity: Arc::clone(&activity),
            });
            let service = service_fn(move |request| Arc::clone(&exchange).answer(request));
            let io = TokioIo::new(Socket::new(stream, &limits, Arc::clone(&activity)));
            let serving = builder(&limits).serve_connection(io, service).with_upgrades();
            let mut serving = pin!(serving);
            let _end = End(Arc::clone(&activity));
            let ended = tokio::select! {
                biased;
                ended = serving.as_mut() => ended,
                () = activity.aborted() => return debug!(%remote, "the application broke an exchange off"),
                () = begun(&mut draining) => {
                    // Ends at once when idle; else after the exchange in flight, with `connection: close`.
                    serving.as_mut().graceful_shutdown();
                    loop {
                        tokio::select! {
                            biased;
                            ended = serving.as_mut() => break ended,
                            () = activity.aborted() => return debug!(%remote, "the application broke an exchange off"),
                            () = tokio::time::sleep(LAST_CHANCE) => {}
                        }
                        if !activity.is_busy() {
                            return debug!(%remote, "a connection without a whole request was closed");
                        }
                    }
                }
            };
            let ended = match (ended, activity.take_over()) {
                (Err(failure), _) => Err(failure.to_string()),
                (Ok(()), None) => Ok(()),
                (Ok(()), Some(connection)) => tokio::select! {
                    biased;
                    ended = connection.serve(&activity) => ended.map_err(|failure| failure.to_string()),
                    () = activity.aborted() => return debug!(%remote, "the application broke an exchange off"),
                },
            };
            if let Err(failure) = ended {
                debug!(%remote, %failure, "a connection ended with an error");
            }
        }
    }
}

/// Ends when draining begins, or when nobody is left who could begin it.
pub(crate) async fn begun(draining: &mut watch::Receiver<bool>) {
    let _ = draining.wait_for(|draining| *draining).await;
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None) // the socket keeps this time, apart from that between two exchanges
        .max_header_size(limits.max_request_head_size)
        .max_buf_size(limits.max_request_head_size.max(BUFFER_SIZE))
        .half_close(false);
    builder
}

/// Unique in this process, and not to be guessed at across restarts: the process' start is in it.
fn next_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static PROCESS: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        use std::hash::{BuildHasher, RandomState};
        RandomState::new().hash_one(std::process::id()) as u32
    });
    format!("{:08x}-{:x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What a client that is in the middle of a head has left to complete it when the server drains.
const LAST_CHANCE: Duration = Duration::from_secs(1);

/// What one connection may buffer in each direction, as Kestrel's MaxResponseBufferSize.
const BUFFER_SIZE: usize = 64 * 1024;
