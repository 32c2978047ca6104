//! Accepts connections until it is told to stop. It never ends by an error: it logs a failing accept and tries again,
//! because a full descriptor table is a temporary condition.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, error, warn};

use crate::catch_panic::catch_panic;
use crate::connection::{Arrival, EndpointSettings};
use crate::drain::Draining;
use crate::transport::{Accepting, Arrived, BACKLOG, Listening};
#[cfg(unix)]
use crate::unix::SocketFile;
use crate::worker::Dispatch;

/// A bound socket, and the settings for the clients that connect to it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: Listening,
    /// The settings for clients that connect now.
    pub(crate) settings: watch::Receiver<Arc<EndpointSettings>>,
    /// Another process holds it too.
    pub(crate) is_inherited: bool,
    /// The file of a Unix socket, removed with it.
    #[cfg(unix)]
    pub(crate) _file: Option<SocketFile>,
}

impl Listener {
    /// Passes each connection to a worker until it must stop. Then it accepts the connections that are already in the
    /// system's queue, without waiting for more, and closes the socket: their clients believe that they are connected,
    /// and closing would reset them. An inherited socket stays open in the process that passed it on, which has these
    /// connections served.
    pub(crate) async fn accept(self, dispatch: Dispatch, closing: Draining) {
        while catch_panic(self.accept_until(&dispatch, closing.clone())).await.is_err() {
            error!("a listener panicked and goes on; this is a bug in Windhover");
            tokio::time::sleep(BACK_OFF).await;
        }
    }

    async fn accept_until(&self, dispatch: &Dispatch, mut closing: Draining) {
        let registered = tokio::select! {
            biased;
            () = closing.begun() => None,
            accepting = self.registered() => Some(accepting),
        };
        while let Some(accepting) = &registered {
            // Only this may be broken off: a connection that was accepted is handed over.
            let accepted = tokio::select! {
                biased;
                () = closing.begun() => break,
                accepted = accepting.accept() => accepted,
            };
            match accepted {
                Ok((Ok(stream), remote)) => self.hand_over(dispatch, stream, remote).await,
                Ok((Err(failure), remote)) => {
                    debug!(?remote, %failure, "lost a connection between accept and worker");
                }
                Err(failure) if is_about_one_connection(&failure) => {
                    debug!(%failure, "a connection ended before it was accepted");
                }
                Err(failure) => back_off(&failure).await,
            }
        }
        self.accept_rest(dispatch).await;
    }

    /// Registering needs a descriptor too, so it can fail for a while, like accepting.
    async fn registered(&self) -> Accepting {
        loop {
            match self.socket.register() {
                Ok(accepting) => return accepting,
                Err(failure) => back_off(&failure).await,
            }
        }
    }

    async fn accept_rest(&self, dispatch: &Dispatch) {
        if self.is_inherited {
            return;
        }
        for _ in 0..BACKLOG {
            let Ok((stream, remote)) = self.socket.accept_now() else { break };
            self.hand_over(dispatch, stream, remote).await;
        }
    }

    async fn hand_over(&self, dispatch: &Dispatch, stream: Arrived, remote: Option<SocketAddr>) {
        let Some(permit) = dispatch.permit() else {
            debug!(?remote, "closed a connection without a response: too many others are being refused");
            return;
        };
        let settings = Arc::clone(&self.settings.borrow());
        dispatch.hand_over(Arrival { stream, remote, permit, settings }).await;
    }
}

/// The client left between its SYN and our accept: there is no reason to wait.
fn is_about_one_connection(failure: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(failure.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// The process has no descriptors or memory left. Accepting again at once would only use the CPU that could end a
/// connection.
async fn back_off(failure: &io::Error) {
    warn!(%failure, "cannot accept connections; trying again in {BACK_OFF:?} (is `ulimit -n` too low?)");
    tokio::time::sleep(BACK_OFF).await;
}

const BACK_OFF: Duration = Duration::from_millis(200);
