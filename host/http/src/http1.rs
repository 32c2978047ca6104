//! A connection that speaks HTTP/1.x, by hyper.

mod activity;
mod content;
mod exchange;
mod gate;
mod interim;
mod reclaimable;
mod response_body;
mod silence;
mod socket;
mod strict;
mod upgrade;

use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use http::Version;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWrite;
use windhover_contract::{Application, ClientFault, Fault, Limits};

use activity::{Activity, End};
use exchange::Exchange;
use reclaimable::Reclaimable;
use socket::Http1Socket;
pub(crate) use strict::length;

use crate::clock::Clock;
use crate::connection::idle_grace;
use crate::connection_limit::Permit;
use crate::date::date;
use crate::drain::{Draining, FIRST_CHANCE, LAST_CHANCE};
use crate::exchange::ConnectionContext;
use crate::poll_on_wake::PollOnWake;
use crate::socket::Socket;

/// Serves a connection until either side ends it. Why it ended is for the log: it is the client's affair, or the
/// application's.
///
/// A client that has been silent for a while is waited for without hyper, whose buffers alone are 16 KiB: most
/// connections are idle most of the time.
pub(crate) async fn serve<A: Application>(
    socket: Socket,
    application: Arc<A>,
    context: ConnectionContext,
    permit: Permit,
    mut draining: Draining,
) -> Result<(), String> {
    let activity = Arc::new(Activity::new(permit, context.clock.clone(), Arc::clone(&context.ending)));
    let mut socket = Box::new(Http1Socket::new(socket, &context.limits, Arc::clone(&activity)));
    let exchange =
        Arc::new(Exchange { application, context, activity: Arc::clone(&activity), draining: draining.clone() });
    let _end = End(activity);
    loop {
        let (lent, mut back) = Reclaimable::new(socket);
        let spoken = Box::pin(speak(lent, &exchange, &mut draining)).await;
        if exchange.activity.has_slow_head() {
            let fault = Fault::from(ClientFault::HeadTooSlow);
            exchange.context.rejected(&fault, Version::HTTP_11);
            return Err(fault.to_string());
        }
        if let Spoken::ToTheEnd = spoken? {
            return Ok(());
        }
        socket = back.try_recv().map_err(|_| "hyper kept a socket that it was to give back".to_owned())?;
        let goes_on = tokio::select! {
            biased;
            goes_on = poll_fn(|cx| socket.poll_rest(cx)) => goes_on.map_err(|failure| failure.to_string())?,
            () = draining.grace_over(idle_grace(&exchange.context.limits), &exchange.context.clock) => false,
        };
        if !goes_on {
            let closed = poll_fn(|cx| Pin::new(&mut *socket).poll_shutdown(cx)).await;
            return closed.map_err(|failure| failure.to_string());
        }
    }
}

/// How speaking went.
enum Spoken {
    ToTheEnd,
    /// Until nothing was to be said for a while.
    ForNow,
}

/// Speaks by hyper until either side ends the connection, or nothing is to be said.
async fn speak<A: Application>(
    socket: Reclaimable,
    exchange: &Arc<Exchange<A>>,
    draining: &mut Draining,
) -> Result<Spoken, String> {
    let (activity, clock) = (&exchange.activity, &exchange.context.clock);
    let grace = idle_grace(&exchange.context.limits);
    let mut also_draining = draining.clone();
    let overdue = async {
        let Some(limit) = exchange.context.limits.drain_answer_timeout else { return pending().await };
        also_draining.begun().await;
        activity.answers_for(limit).await;
    };
    let mut overdue = PollOnWake::new(Box::pin(overdue));
    let service = service_fn({
        let exchange = Arc::clone(exchange);
        move |request| Arc::clone(&exchange).answer(request)
    });
    let serving = builder(&exchange.context.limits).serve_connection(TokioIo::new(socket), service).with_upgrades();
    let mut serving = pin!(serving);
    let ended = {
        // Gone behind this block: who waits here no more must not be told in place of who does.
        let interruption = pin!(async {
            tokio::select! {
                biased;
                () = activity.aborted() => Interruption::BrokenOff,
                () = draining.grace_over(grace, clock) => Interruption::Draining,
            }
        });
        tokio::select! {
            biased;
            ended = serving.as_mut() => Ok(ended),
            never = poll_fn(|cx| activity.content.poll_discard(cx, activity, clock)) => match never {},
            () = poll_fn(|_| activity.poll_rests()) => return Ok(Spoken::ForNow),
            interruption = PollOnWake::new(interruption) => Err(interruption),
            () = &mut overdue => Err(Interruption::Overdue),
        }
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(Interruption::BrokenOff) => return Err(BROKEN_OFF.to_owned()),
        Err(Interruption::Overdue) => {
            activity.cut_off();
            return Err(OVERDUE.to_owned());
        }
        Err(Interruption::Draining) => {
            activity.content.set_last();
            let early = if activity.begun() == 0 { clock.timeout(FIRST_CHANCE, serving.as_mut()).await } else { None };
            match early {
                Some(ended) => ended,
                None => {
                    // Ends at once when idle; else after the exchange in flight, with `connection: close`.
                    serving.as_mut().graceful_shutdown();
                    loop {
                        tokio::select! {
                            biased;
                            ended = serving.as_mut() => break ended,
                            never = poll_fn(|cx| activity.content.poll_discard(cx, activity, clock)) => match never {},
                            () = activity.aborted() => return Err(BROKEN_OFF.to_owned()),
                            () = &mut overdue => {
                                activity.cut_off();
                                return Err(OVERDUE.to_owned());
                            }
                            () = clock.alarm(LAST_CHANCE) => {}
                        }
                        if !activity.is_busy() {
                            return Err("it had no whole request when the server left".to_owned());
                        }
                    }
                }
            }
        }
    };
    match (ended, activity.take_over()) {
        (Err(failure), _) => Err(failure.to_string()),
        (Ok(()), None) => Ok(Spoken::ToTheEnd),
        (Ok(()), Some(connection)) => tokio::select! {
            biased;
            ended = connection.serve(activity) => {
                ended.map(|()| Spoken::ToTheEnd).map_err(|failure| failure.to_string())
            }
            () = activity.aborted() => Err(BROKEN_OFF.to_owned()),
            () = overdue => {
                activity.cut_off();
                Err(OVERDUE.to_owned())
            }
        },
    }
}

/// What happens to a connection besides its exchanges.
enum Interruption {
    BrokenOff,
    Draining,
    Overdue,
}

/// Answers a client that speaks HTTP/1.x where only HTTP/2 is spoken, as Kestrel does. Gives the reason for the log.
pub(crate) async fn refuse(mut socket: Socket, clock: &Clock) -> io::Error {
    let date = date();
    let date = date.to_str().unwrap_or_default();
    let answer = format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\ndate: {date}\r\n\r\n");
    let refusing = async {
        poll_fn(|cx| socket.poll_write(cx, answer.as_bytes())).await?;
        poll_fn(|cx| socket.poll_flush(cx)).await?;
        poll_fn(|cx| socket.poll_shutdown(cx, true)).await
    };
    let _ = clock.timeout(REFUSAL_TIME, refusing).await; // whether the client takes it is the client's affair
    io::Error::new(io::ErrorKind::InvalidData, "its client speaks HTTP/1.x, and only HTTP/2 is spoken here")
}

fn builder(limits: &Limits) -> http1::Builder {
    let head = limits.max_request_line_size.as_usize();
    let head = head.saturating_add(limits.max_request_fields_size.as_usize()).saturating_add(EMPTY_LINES);
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None) // the socket keeps this time, apart from that between two exchanges
        // What is larger is refused before hyper sees it: see `gate`.
        .max_header_size(head)
        .max_buf_size(head.max(limits.http1.max_buffer_size.as_usize()).max(HYPER_MIN_BUFFER_SIZE))
        .half_close(false);
    if limits.max_request_fields.as_usize() > HYPER_MAX_FIELDS {
        builder.max_headers(limits.max_request_fields.as_usize());
    }
    builder
}

const OVERDUE: &str = "its answer went on for longer than a server that leaves waits";

const BROKEN_OFF: &str = "the application broke an exchange off";

/// hyper panics at less.
const HYPER_MIN_BUFFER_SIZE: usize = 8192;

/// How long a client has to read that it is refused.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// What hyper counts as part of a head and nobody else does: two empty lines before it, one behind it, and one octet,
/// because it refuses a head before it has the largest size.
const EMPTY_LINES: usize = 7;

/// As many fields as hyper takes without allocating for them.
const HYPER_MAX_FIELDS: usize = 100;
