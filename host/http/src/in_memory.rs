//! One connection without a network, for fuzzing: all that stands between a client's bytes and an application.

use std::sync::Arc;

use tokio::io::DuplexStream;
use tokio::sync::watch;
use windhover_contract::{Application, Limits, ServerAddresses, ServerVariables};

use crate::clock::Clock;
use crate::connection::Connections;
use crate::connection_limit::ConnectionLimit;
use crate::drain::Drain;
use crate::ending::WorkerEnding;

/// Serves one client that is connected by a pipe, until either side ends the connection. The first bytes tell whether
/// it speaks HTTP/1.x or HTTP/2. The reason for its end is for a log.
pub async fn serve_in_memory<A: Application>(
    pipe: DuplexStream,
    application: Arc<A>,
    limits: Limits,
    clock: Clock,
) -> Result<(), String> {
    let limits = Arc::new(limits);
    let permit = Arc::new(ConnectionLimit::new(&limits)).enter().ok_or("no connection is allowed")?;
    let (_drain, draining) = Drain::new();
    let (addresses, variables) = (ServerAddresses::from_iter([]), ServerVariables::from_iter([]));
    let ((_addresses, addresses), variables) = (watch::channel(Arc::new(addresses)), Arc::new(variables));
    let observer = None;
    let ending = WorkerEnding::default();
    Connections { application, addresses, variables, limits, clock, draining, ending, observer }
        .serve_in_memory(pipe, permit)
        .await
}
