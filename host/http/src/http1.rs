//! Serves a connection that speaks HTTP/1.x, with hyper.

mod content;
mod exchange;
mod gate;
mod interim;
mod link;
mod progress;
mod read_timeouts;
mod reclaimable;
mod response_body;
mod socket;
mod strict;
mod upgrade;

use std::future::{pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::Version;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;
use windhover_contract::{Application, ClientFault, Fault, Limits};

use content::RequestContent;
use exchange::Exchange;
use interim::Interim;
use link::link;
use progress::Progress;
use reclaimable::Reclaimable;
use socket::Http1Socket;
pub(crate) use strict::length;

use crate::clock::Clock;
use crate::connection_limit::Permit;
use crate::date::date;
use crate::drain::{Draining, FIRST_CHANCE, LAST_CHANCE, idle_grace};
use crate::exchange::ConnectionContext;
use crate::poll_on_wake::PollOnWake;
use crate::socket::Socket;

/// Serves a connection until either side ends it. The error is the reason for a debug log.
///
/// After some silence of the client the connection waits without hyper, whose buffers alone take 16 KiB: most
/// connections are idle most of the time.
pub(crate) async fn serve<A: Application>(
    socket: Socket,
    application: Arc<A>,
    context: ConnectionContext,
    permit: Permit,
    mut draining: Draining,
) -> Result<(), String> {
    let ending = Arc::clone(&context.ending);
    let progress = Arc::new(Progress::new(context.clock.clone(), Arc::clone(&ending)));
    let (io, service) = link(&progress, Arc::clone(&ending));
    let (content, interim) = (Arc::<RequestContent>::default(), Arc::<Interim>::default());
    let socket = Http1Socket::new(socket, &context.limits, io, Arc::clone(&content), Arc::clone(&interim));
    let mut socket = Box::new(socket);
    let exchange = Arc::new(Exchange {
        application,
        context,
        permit,
        link: service,
        content,
        interim,
        handed_over: Mutex::new(None),
        draining: draining.clone(),
    });
    loop {
        let (lent, mut back) = Reclaimable::new(socket);
        let served = Box::pin(serve_with_hyper(lent, &mut back, &exchange, &mut draining)).await;
        if let Some(fault @ Fault::Client(ClientFault::HeadTooSlow)) = ending.own() {
            exchange.context.rejected(&fault, Version::HTTP_11);
            return Err(fault.to_string());
        }
        socket = match served? {
            Served::ToTheEnd => return Ok(()),
            Served::UntilIdle(socket) => socket,
        };
        let goes_on = tokio::select! {
            biased;
            goes_on = poll_fn(|cx| socket.poll_next_request(cx)) => goes_on.map_err(|failure| failure.to_string())?,
            () = draining.grace_over(idle_grace(&exchange.context.limits), &exchange.context.clock) => false,
        };
        if !goes_on {
            let closed = poll_fn(|cx| Pin::new(&mut *socket).poll_shutdown(cx)).await;
            return closed.map_err(|failure| failure.to_string());
        }
    }
}

/// How serving a connection ended.
enum Served {
    ToTheEnd,
    /// Until the client was silent for a while: the socket has come back.
    UntilIdle(Box<Http1Socket>),
}

/// Serves the connection with hyper until either side ends it, or the client is silent for a while.
async fn serve_with_hyper<A: Application>(
    socket: Reclaimable,
    back: &mut oneshot::Receiver<Box<Http1Socket>>,
    exchange: &Arc<Exchange<A>>,
    draining: &mut Draining,
) -> Result<Served, String> {
    let (progress, clock) = (exchange.link.progress(), &exchange.context.clock);
    let grace = idle_grace(&exchange.context.limits);
    let mut also_draining = draining.clone();
    let overdue = async {
        let Some(limit) = exchange.context.limits.drain_answer_timeout else { return pending().await };
        also_draining.begun().await;
        progress.response_overdue(limit).await;
    };
    let mut overdue = PollOnWake::new(Box::pin(overdue));
    let service = service_fn({
        let exchange = Arc::clone(exchange);
        move |request| Arc::clone(&exchange).answer(request)
    });
    let serving = builder(&exchange.context.limits).serve_connection(TokioIo::new(socket), service).with_upgrades();
    let mut serving = pin!(serving);
    // hyper gives the socket back within this task, so nothing needs to be woken.
    let mut reclaimed = || back.try_recv().map_or(Poll::Pending, Poll::Ready);
    let ended = {
        // Dropped at the end of this block: a future that is polled no more must not take a wake-up from one that is.
        let interruption = pin!(async {
            tokio::select! {
                biased;
                () = progress.aborted() => Interruption::Aborted,
                () = draining.grace_over(grace, clock) => Interruption::Draining,
            }
        });
        tokio::select! {
            biased;
            ended = serving.as_mut() => Ok(ended),
            never = poll_fn(|cx| exchange.content.poll_discard(cx, progress, clock)) => match never {},
            socket = poll_fn(|_| reclaimed()) => return Ok(idle(exchange, socket)),
            interruption = PollOnWake::new(interruption) => Err(interruption),
            () = &mut overdue => Err(Interruption::Overdue),
        }
    };
    let ended = match ended {
        Ok(ended) => ended,
        Err(Interruption::Aborted) => return Err(ABORTED.to_owned()),
        Err(Interruption::Overdue) => {
            progress.abort();
            return Err(OVERDUE.to_owned());
        }
        Err(Interruption::Draining) => {
            exchange.content.set_last();
            let has_begun = progress.position().exchange > 0;
            let first = async {
                tokio::select! {
                    biased;
                    ended = serving.as_mut() => Ok(ended),
                    socket = poll_fn(|_| reclaimed()) => Err(socket),
                }
            };
            let first = if has_begun { None } else { clock.timeout(FIRST_CHANCE, first).await };
            match first {
                Some(Ok(ended)) => ended,
                Some(Err(socket)) => return Ok(idle(exchange, socket)),
                None => {
                    // Ends at once when idle; else after the current exchange, whose response says `connection: close`.
                    serving.as_mut().graceful_shutdown();
                    loop {
                        tokio::select! {
                            biased;
                            ended = serving.as_mut() => break ended,
                            never = poll_fn(|cx| exchange.content.poll_discard(cx, progress, clock)) => match never {},
                            socket = poll_fn(|_| reclaimed()) => return Ok(idle(exchange, socket)),
                            () = progress.aborted() => return Err(ABORTED.to_owned()),
                            () = &mut overdue => {
                                progress.abort();
                                return Err(OVERDUE.to_owned());
                            }
                            () = clock.alarm(LAST_CHANCE) => {}
                        }
                        if !exchange.link.is_busy() {
                            return Err("the client had sent no complete request when the server shut down".to_owned());
                        }
                    }
                }
            }
        }
    };
    let handed_over = exchange.handed_over.lock().take();
    match (ended, handed_over) {
        (Err(failure), _) => Err(failure.to_string()),
        (Ok(()), None) => Ok(Served::ToTheEnd),
        (Ok(()), Some(connection)) => tokio::select! {
            biased;
            ended = connection.serve() => {
                ended.map(|()| Served::ToTheEnd).map_err(|failure| failure.to_string())
            }
            () = progress.aborted() => Err(ABORTED.to_owned()),
            () = overdue => {
                progress.abort();
                Err(OVERDUE.to_owned())
            }
        },
    }
}

/// hyper is dropped, and with it what it holds for an upgrade that was declined.
fn idle<A>(exchange: &Exchange<A>, socket: Box<Http1Socket>) -> Served {
    *exchange.handed_over.lock() = None;
    Served::UntilIdle(socket)
}

/// What can interrupt hyper.
enum Interruption {
    Aborted,
    Draining,
    Overdue,
}

/// Answers a client that speaks HTTP/1.x where the endpoint speaks HTTP/2 only, as Kestrel does. Returns the reason for
/// the log.
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
    io::Error::new(io::ErrorKind::InvalidData, "the client speaks HTTP/1.x, and this endpoint speaks HTTP/2 only")
}

fn builder(limits: &Limits) -> http1::Builder {
    let head = limits.max_request_line_size.as_usize();
    let head = head.saturating_add(limits.max_request_fields_size.as_usize()).saturating_add(EMPTY_LINES);
    let mut builder = http1::Builder::new();
    builder
        .header_read_timeout(None) // the socket keeps this time, apart from that between two exchanges
        // `gate` refuses what is larger before hyper sees it.
        .max_header_size(head)
        .max_buf_size(head.max(limits.http1.max_buffer_size.as_usize()).max(HYPER_MIN_BUFFER_SIZE))
        .half_close(false);
    if limits.max_request_fields.as_usize() > HYPER_MAX_FIELDS {
        builder.max_headers(limits.max_request_fields.as_usize());
    }
    builder
}

const OVERDUE: &str = "a response took longer than a shutdown waits";

const ABORTED: &str = "the application aborted an exchange";

/// hyper panics at less.
const HYPER_MIN_BUFFER_SIZE: usize = 8192;

/// How long a client has to read the refusal.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// What hyper counts as part of a head and this server does not: two empty lines before it, one behind it, and one
/// byte, because hyper refuses a head before it reaches the limit.
const EMPTY_LINES: usize = 7;

/// The number of fields that hyper reads without an allocation for them.
const HYPER_MAX_FIELDS: usize = 100;
