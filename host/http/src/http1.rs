//! A connection that speaks HTTP/1.x, by hyper.

mod activity;
mod content;
mod exchange;
mod interim;
mod last_part;
mod silence;
mod socket;
mod upgrade;

use std::pin::pin;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use windhover_contract::{Application, Limits};

use activity::{Activity, End};
use exchange::Exchange;
use socket::Http1Socket;

use crate::census::Place;
use crate::drain::{Draining, LAST_CHANCE};
use crate::exchange::Origin;
use crate::socket::Socket;

/// Serves a connection until either side ends it. Why it ended is for the log: it is the client's affair, or the
/// application's.
pub(crate) async fn serve<A: Application>(
    socket: Socket,
    application: Arc<A>,
    origin: Origin,
    place: Place,
    mut draining: Draining,
) -> Result<(), String> {
    let (limits, clock) = (Arc::clone(&origin.limits), origin.clock.clone());
    let activity = Arc::new(Activity::new(place));
    let io = TokioIo::new(Http1Socket::new(socket, &limits, Arc::clone(&activity)));
    let exchange = Arc::new(Exchange { application, origin, activity: Arc::clone(&activity) });
    let service = service_fn(move |request| Arc::clone(&exchange).answer(request));
    let serving = builder(&limits).serve_connection(io, service).with_upgrades();
    let mut serving = pin!(serving);
    let _end = End(Arc::clone(&activity));
    let ended = tokio::select! {
        biased;
        ended = serving.as_mut() => ended,
        () = activity.aborted() => return Err(BROKEN_OFF.to_owned()),
        () = draining.begun() => {
            // Ends at once when idle; else after the exchange in flight, with `connection: close`.
            serving.as_mut().graceful_shutdown();
            loop {
                tokio::select! {
                    biased;
                    ended = serving.as_mut() => break ended,
                    () = activity.aborted() => return Err(BROKEN_OFF.to_owned()),
                    () = clock.alarm(LAST_CHANCE) => {}
                }
                if !activity.is_busy() {
                    return Err("it had no whole request when the server left".to_owned());
                }
            }
        }
    };
    match (ended, activity.take_over()) {
        (Err(failure), _) => Err(failure.to_string()),
        (Ok(()), None) => Ok(()),
        (Ok(()), Some(connection)) => tokio::select! {
            biased;
            ended = connection.serve(&activity) => ended.map_err(|failure| failure.to_string()),
            () = activity.aborted() => Err(BROKEN_OFF.to_owned()),
        },
    }
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

const BROKEN_OFF: &str = "the application broke an exchange off";

/// What one connection may buffer in each direction, as Kestrel's MaxResponseBufferSize.
const BUFFER_SIZE: usize = 64 * 1024;
