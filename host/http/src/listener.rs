//! Accepts connections forever. Never returns an error: a failing accept is logged and retried, because a full
//! descriptor table is a bad minute, not the end of the server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use crate::connection::{Arrival, Door};
use crate::endpoint::BACKLOG;
use crate::transport::Listening;
#[cfg(unix)]
use crate::unix::SocketFile;
use crate::worker::{Dispatch, Workers};

/// A socket that is bound, and what is spoken to those who come to it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: Listening,
    pub(crate) door: Arc<Door>,
    /// Somebody else holds it too.
    pub(crate) is_inherited: bool,
    /// Goes when the socket does.
    #[cfg(unix)]
    pub(crate) _file: Option<SocketFile>,
}

/// Tasks that accept on every listener and hand each connection to a worker.
pub(crate) struct Accepting(JoinSet<Infallible>);

impl Accepting {
    pub(crate) fn start(listeners: &[Arc<Listener>], workers: &Workers) -> Self {
        let mut tasks = JoinSet::new();
        for listener in listeners {
            tasks.spawn(accept_on(Arc::clone(listener), workers.dispatch()));
        }
        Self(tasks)
    }

    /// Never ends: what is told if it could is a bug.
    pub(crate) async fn forever(&mut self) -> Infallible {
        while self.0.join_next().await.is_some() {
            error!("a listener has ended, which cannot happen unless it panicked; its address is not served any more");
        }
        std::future::pending().await
    }

    /// Ends them, and then accepts what has connected already, without waiting for anybody: the system has told these
    /// clients that they are connected, and would break their connections when the socket is closed. A socket that was
    /// inherited is not closed by that, and who holds it has them served.
    pub(crate) async fn finish(mut self, listeners: Vec<Arc<Listener>>, workers: &Workers) {
        self.0.shutdown().await;
        let dispatch = workers.dispatch();
        for listener in listeners.iter().filter(|listener| !listener.is_inherited) {
            for _ in 0..BACKLOG {
                let Ok((stream, remote)) = listener.socket.accept_now() else { break };
                let Some(place) = dispatch.place() else { break };
                dispatch.hand_over(Arrival { stream, remote, place, door: Arc::clone(&listener.door) }).await;
            }
        }
    }
}

async fn accept_on(listener: Arc<Listener>, dispatch: Dispatch) -> Infallible {
    let door = &listener.door;
    let accepting = loop {
        // Registering needs a descriptor too, so it can fail for a while like accepting can.
        match listener.socket.register() {
            Ok(accepting) => break accepting,
            Err(failure) => back_off(&failure).await,
        }
    };
    loop {
        match accepting.accept().await {
            Ok((stream, remote)) => match (dispatch.place(), stream) {
                (Some(place), Ok(stream)) => {
                    dispatch.hand_over(Arrival { stream, remote, place, door: Arc::clone(door) }).await;
                }
                (None, Ok(_)) => debug!(?remote, "a connection was closed: there are too many even to be refused"),
                (_, Err(failure)) => debug!(?remote, %failure, "a connection was lost between accept and worker"),
            },
            Err(failure) if is_about_one_connection(&failure) => debug!(%failure, "a connection ended before accept"),
            Err(failure) => back_off(&failure).await,
        }
    }
}

/// The client left between its SYN and our accept: nothing to wait for.
fn is_about_one_connection(failure: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(failure.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Out of descriptors or memory: accepting again at once would only burn the core that could end a connection.
async fn back_off(failure: &io::Error) {
    warn!(%failure, "cannot accept connections; trying again in {BACK_OFF:?} (is `ulimit -n` too low?)");
    tokio::time::sleep(BACK_OFF).await;
}

const BACK_OFF: Duration = Duration::from_millis(200);
