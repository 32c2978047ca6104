//! Accepts connections forever. Never returns an error: a failing accept is logged and retried, because a full
//! descriptor table is a bad minute, not the end of the server.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tracing::{debug, error, warn};

use crate::connection::{Arrival, Door};
use crate::transport::Listening;
#[cfg(unix)]
use crate::unix::SocketFile;
use crate::worker::{Dispatch, Workers};

/// A socket that is bound, and what is spoken to those who come to it.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) socket: Listening,
    pub(crate) door: Arc<Door>,
    /// Goes when the socket does.
    #[cfg(unix)]
    pub(crate) _file: Option<SocketFile>,
}

/// Accepts on every listener and hands each connection to a worker.
pub(crate) async fn accept_forever(listeners: Vec<Listener>, workers: &Workers) -> Infallible {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_on(listener, workers.dispatch()));
    }
    while accepting.join_next().await.is_some() {
        error!("a listener has ended, which cannot happen unless it panicked; its address is not served any more");
    }
    std::future::pending().await
}

async fn accept_on(listener: Listener, dispatch: Dispatch) -> Infallible {
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
