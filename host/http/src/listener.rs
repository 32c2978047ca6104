//! Accepts connections forever. Never returns an error: a failing accept is logged and retried, because a full
//! descriptor table is a bad minute, not the end of the server.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::io::AsyncWriteExt;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, error, warn};

use crate::worker::Workers;

/// Accepts on every listener and hands each connection to a worker.
pub(crate) async fn accept_forever(listeners: Vec<TcpListener>, workers: &Workers) -> Infallible {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept_on(listener, workers.dispatch()));
    }
    while accepting.join_next().await.is_some() {
        error!("a listener has ended, which cannot happen unless it panicked; its address is not served any more");
    }
    std::future::pending().await
}

async fn accept_on(listener: TcpListener, dispatch: crate::worker::Dispatch) -> Infallible {
    let listener = loop {
        // Registering needs a descriptor too, so it can fail for a while like accepting can.
        match listener.try_clone().and_then(tokio::net::TcpListener::from_std) {
            Ok(listener) => break listener,
            Err(failure) => back_off(&failure).await,
        }
    };
    let refusals = Arc::new(Semaphore::new(MAX_REFUSALS));
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => match (dispatch.place(), stream.into_std()) {
                (Some(place), Ok(stream)) => dispatch.hand_over(stream, remote, place).await,
                (None, Ok(stream)) => {
                    debug!(%remote, "a connection was refused: there are as many as there may be");
                    // Beyond that many at once they are closed without a word, so that refusing costs little.
                    if let Ok(permit) = Arc::clone(&refusals).try_acquire_owned() {
                        tokio::spawn(async move {
                            let _ = timeout(REFUSAL_TIME, refuse(stream)).await;
                            drop(permit);
                        });
                    }
                }
                (_, Err(failure)) => debug!(%remote, %failure, "a connection was lost between accept and worker"),
            },
            Err(failure) if is_about_one_connection(&failure) => debug!(%failure, "a connection ended before accept"),
            Err(failure) => back_off(&failure).await,
        }
    }
}

/// Says why, and waits for the client to take it: closing at once would make the system throw the answer away, if the
/// client's request has come meanwhile.
async fn refuse(stream: std::net::TcpStream) -> io::Result<()> {
    let mut stream = tokio::net::TcpStream::from_std(stream)?;
    let date = httpdate::fmt_http_date(SystemTime::now());
    let answer = format!(
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
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

/// Refusals under way at once, and how long one may take.
const MAX_REFUSALS: usize = 64;
const REFUSAL_TIME: Duration = Duration::from_secs(2);
