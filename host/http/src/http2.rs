//! Serves a connection that speaks HTTP/2, with h2, the library below hyper. hyper's own layer lacks what is promised
//! here: an end to a client that keeps its window closed, interim responses, and error codes that the application
//! chooses at any moment.

mod content;
mod control;
mod exchange;
mod frames;
mod request;
mod sections;
mod sending;
mod socket;
mod traffic;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Ping, PingPong, Reason, server};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, warn};
use windhover_contract::{Application, ClientFault, Http2Limits, Limits};

use exchange::Exchange;
use socket::{Http2Socket, SocketState};

use crate::clock::{Alarm, Clock};
use crate::connection_limit::Permit;
use crate::drain::{Draining, FIRST_CHANCE, LAST_CHANCE, idle_grace};
use crate::exchange::ConnectionContext;
use crate::poll_on_wake::PollOnWake;
use crate::socket::Socket;

/// Serves a connection until either side ends it. The error is the reason for a debug log.
pub(crate) async fn serve<A: Application>(
    socket: Socket,
    application: Arc<A>,
    context: ConnectionContext,
    permit: Permit,
    mut draining: Draining,
) -> Result<(), String> {
    let (limits, clock) = (Arc::clone(&context.limits), context.clock.clone());
    let (io, socket_state) = Http2Socket::new(socket, &limits, Arc::clone(&context.ending));
    let handshake = clock.timeout(limits.request_head_timeout, builder(&limits).handshake(io)).await;
    let mut h2 = handshake.ok_or("the connection preface took too long")?.map_err(|failure| failure.to_string())?;
    let ping = h2.ping_pong().and_then(|ping| KeepAlive::new(ping, &limits.http2, &clock));
    let idle_since = Some(clock.now());
    socket_state.hide_end();
    let mut serving = Serving {
        h2,
        exchange: Arc::new(Exchange {
            application,
            context,
            permit,
            socket_state: Arc::clone(&socket_state),
            draining: draining.clone(),
        }),
        exchanges: JoinSet::new(),
        number: 0,
        socket_state,
        limits,
        clock,
        idle_since,
        alarm: None,
        ping,
        end: None,
    };
    let grace = idle_grace(&serving.limits).max(FIRST_CHANCE);
    let (mut also_draining, clock) = (draining.clone(), serving.clock.clone());
    let (closing, drains) = (pin!(also_draining.closing()), pin!(draining.grace_over(grace, &clock)));
    let (mut closing, mut drains) = (PollOnWake::new(closing), PollOnWake::new(drains));
    let (mut is_closing, mut is_draining) = (false, false);
    poll_fn(|cx| {
        is_closing = is_closing || Pin::new(&mut closing).poll(cx).is_ready();
        is_draining = is_draining || Pin::new(&mut drains).poll(cx).is_ready();
        let polled = serving.poll(cx);
        // A client that has just connected gets one response, as in HTTP/1.1.
        if polled.is_pending() && serving.end.is_none() && (is_draining || is_closing && serving.number > 0) {
            serving.shut_down("the server shuts down");
            return serving.poll(cx);
        }
        polled
    })
    .await
}

/// One connection.
struct Serving<A> {
    h2: server::Connection<Http2Socket, Bytes>,
    exchange: Arc<Exchange<A>>,
    exchanges: JoinSet<()>,
    /// How many exchanges have begun.
    number: u64,
    socket_state: Arc<SocketState>,
    limits: Arc<Limits>,
    clock: Clock,
    /// `None`: an exchange is under way.
    idle_since: Option<Instant>,
    /// May ring early, and is set again then. So it need not be set for each exchange.
    alarm: Option<Alarm>,
    ping: Option<KeepAlive>,
    /// Set when no new exchange is taken any more.
    end: Option<End>,
}

/// How the server ends a connection.
struct End {
    why: &'static str,
    /// When it ends at the latest, if nothing is under way.
    until: Instant,
}

impl<A: Application> Serving<A> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            match pin!(self.h2.accept()).poll(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.number += 1;
                    self.exchanges.spawn(Arc::clone(&self.exchange).answer(request, respond, self.number));
                    self.idle_since = None;
                }
                Poll::Ready(Some(Err(failure))) => return Poll::Ready(Err(failure.to_string())),
                Poll::Ready(None) => return Poll::Ready(Ok(())),
                Poll::Pending => break,
            }
        }
        self.reap(cx);
        if self.exchanges.is_empty() && self.socket_state.is_half_closed() {
            return self.poll_end(cx);
        }
        if self.socket_state.flood().is_some() && self.end.is_none() {
            let flood = self.socket_state.flood();
            debug!(?flood, "a client floods the connection");
            self.exchange.context.ending.begin(ClientFault::Flood);
            return self.cut(cx, Reason::ENHANCE_YOUR_CALM, "the client floods the connection");
        }
        if let Some(ping) = &mut self.ping
            && ping.poll(cx, self.socket_state.heard(), &self.clock).is_ready()
        {
            return Poll::Ready(Err("the client does not answer a PING".to_owned()));
        }
        self.poll_time(cx)
    }

    /// The client sends no more, and nothing is under way for it. The connection ends when all is written.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let ended = match self.h2.poll_closed(cx) {
            Poll::Pending if self.socket_state.write_waits() => return self.poll_time(cx),
            Poll::Pending => {
                self.socket_state.tell_end();
                self.h2.poll_closed(cx)
            }
            ended => ended,
        };
        ended.map_err(|failure| failure.to_string())
    }

    /// Removes exchanges that have ended.
    fn reap(&mut self, cx: &mut Context<'_>) {
        while let Poll::Ready(Some(ended)) = self.exchanges.poll_join_next(cx) {
            if let Err(panic) = ended
                && !panic.is_cancelled()
            {
                warn!(%panic, "an exchange panicked; this is a bug in Windhover");
            }
        }
        if self.exchanges.is_empty() {
            let clock = &self.clock;
            self.idle_since.get_or_insert_with(|| clock.now());
        }
    }

    /// Ends what has exceeded a time limit.
    fn poll_time(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        loop {
            let Some((deadline, then)) = self.deadline() else { return Poll::Pending };
            let alarm = self.alarm.get_or_insert_with(|| self.clock.alarm_at(deadline));
            if alarm.deadline() > deadline {
                alarm.reset(deadline);
            }
            if Pin::new(&mut *alarm).poll(cx).is_pending() {
                return Poll::Pending;
            }
            if alarm.deadline() < deadline {
                alarm.reset(deadline);
                continue;
            }
            self.alarm = None;
            match then {
                TooLong::Head => {
                    self.exchange.context.ending.begin(ClientFault::HeadTooSlow);
                    return self.cut(cx, Reason::ENHANCE_YOUR_CALM, "the client sends a frame too slowly");
                }
                TooLong::Idle => self.shut_down("it was idle for too long"),
                TooLong::End(why) => return Poll::Ready(Err(why.to_owned())),
            }
            // The library sends the GOAWAY when it is polled again.
            if let Poll::Ready(ended) = self.h2.poll_closed(cx) {
                return Poll::Ready(ended.map_err(|failure| failure.to_string()));
            }
        }
    }

    /// The next time limit.
    fn deadline(&self) -> Option<(Instant, TooLong)> {
        let end = self.end.as_ref().and_then(|end| {
            let idle_since = self.idle_since?;
            Some((end.until.max(idle_since + LAST_CHANCE), TooLong::End(end.why)))
        });
        if end.is_some() {
            return end;
        }
        let head =
            self.socket_state.unfinished_since().map(|since| (since + self.limits.request_head_timeout, TooLong::Head));
        let idle = self.idle_since.filter(|_| self.end.is_none());
        let idle = idle.map(|since| (since + self.limits.keep_alive_timeout, TooLong::Idle));
        [head, idle].into_iter().flatten().min_by_key(|(deadline, _)| *deadline)
    }

    /// Takes no new exchange, and lets those under way finish (RFC 9113 §6.8).
    fn shut_down(&mut self, why: &'static str) {
        if self.end.is_none() {
            self.h2.graceful_shutdown();
            self.end = Some(End { why, until: self.clock.now() + LAST_CHANCE });
        }
    }

    /// Ends at once, with all exchanges.
    fn cut(&mut self, cx: &mut Context<'_>, reason: Reason, why: &'static str) -> Poll<Result<(), String>> {
        self.exchanges.abort_all();
        self.h2.abrupt_shutdown(reason);
        self.end = Some(End { why, until: self.clock.now() + LAST_CHANCE });
        self.idle_since.get_or_insert(self.clock.now());
        match self.h2.poll_closed(cx) {
            Poll::Ready(_) => Poll::Ready(Err(why.to_owned())),
            Poll::Pending => self.poll_time(cx),
        }
    }
}

/// Which time limit was exceeded.
#[derive(Clone, Copy)]
enum TooLong {
    Head,
    Idle,
    End(&'static str),
}

/// Asks a silent client whether it is still connected (RFC 9113 §6.7).
struct KeepAlive {
    ping: PingPong,
    after: std::time::Duration,
    timeout: std::time::Duration,
    heard: u64,
    is_asked: bool,
    alarm: Alarm,
}

impl KeepAlive {
    fn new(ping: PingPong, limits: &Http2Limits, clock: &Clock) -> Option<Self> {
        let (after, timeout) = (limits.keep_alive_ping_after?, limits.keep_alive_ping_timeout);
        Some(Self { ping, after, timeout, heard: 0, is_asked: false, alarm: clock.alarm(after) })
    }

    /// Ready when the client has not answered in time.
    fn poll(&mut self, cx: &mut Context<'_>, heard: u64, clock: &Clock) -> Poll<()> {
        if heard != self.heard {
            self.heard = heard;
            self.is_asked = false;
            self.alarm.reset(clock.now() + self.after);
            let _ = self.ping.poll_pong(cx); // makes room for the next
        }
        while Pin::new(&mut self.alarm).poll(cx).is_ready() {
            if self.is_asked {
                return Poll::Ready(());
            }
            self.is_asked = true;
            let _ = self.ping.send_ping(Ping::opaque()); // an error: one is under way, which does as well
            self.alarm.reset(clock.now() + self.timeout);
        }
        Poll::Pending
    }
}

fn builder(limits: &Limits) -> server::Builder {
    let own = &limits.http2;
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(own.max_streams.get())
        .max_frame_size(own.max_frame_size.as_u32())
        .header_table_size(own.header_table_size.as_u32())
        .initial_window_size(own.stream_window.as_u32())
        .initial_connection_window_size(own.connection_window.as_u32())
        .max_send_buffer_size(own.stream_send_buffer.as_usize())
        .max_header_list_size(
            u32::try_from(limits.max_request_line_size.get().saturating_add(limits.max_request_fields_size.get()))
                .unwrap_or(u32::MAX),
        )
        .max_concurrent_reset_streams(MAX_RESET_STREAMS)
        .enable_connect_protocol();
    builder
}

/// How many reset streams are remembered, so that what the client sent before a reset is no error. h2's default for
/// servers is 50, Kestrel's is 100.
const MAX_RESET_STREAMS: usize = 100;
