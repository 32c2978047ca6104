//! WebSocket (RFC 6455) over an accepted upgrade. tungstenite implements the protocol; this file moves the bytes. It
//! works on every server, because an upgrade is a body in each direction.

mod handshake;
mod pipe;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};
use tungstenite::error::{CapacityError, ProtocolError};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};
use windhover_contract::Body;

use crate::answer::Answer;
use crate::answer::buffers::{Held, NoRoom, SMALL, STEP, Waiter};
use crate::exchange::leaving::{Leave, Leaving};
use crate::limits::WebSocketLimits;

pub(crate) use handshake::{Handshake, is_own, offered, other_version};
use pipe::Pipe;

/// A WebSocket connection.
pub(crate) struct WebSocket {
    context: WebSocketContext,
    pipe: Pipe,
    incoming: Body,
    /// How it was closed.
    closed: Option<Closed>,
    keep_alive: Duration,
    /// Fires when the client is silent for too long.
    silence: Option<Pin<Box<Sleep>>>,
    /// Whether a ping was sent since then.
    was_pinged: bool,
    /// Bytes that have arrived and wait for room.
    arrived: Option<Bytes>,
    /// Bytes that arrived since the last complete message, and how many of them have room.
    unfinished: usize,
    counted: usize,
    held: Held,
    /// Waits for more room, which is added to `held`.
    growing: Option<Growing>,
    /// Ready when the app closes its WebSockets. `None`: that was done.
    leaving: Option<Pin<Box<dyn Future<Output = Leave> + Send>>>,
}

type Growing = Pin<Box<dyn Future<Output = Result<Held, NoRoom>> + Send>>;

/// How a connection was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// What was received.
pub(crate) enum Event {
    Text(String),
    Binary(Bytes),
    Closed(Closed),
    TimedOut,
}

/// The connection is closed, so nothing is sent.
pub(crate) struct NotOpen;

impl WebSocket {
    /// The client's bytes come from `incoming`. Bytes for the client go to the exchange's answer.
    pub(crate) fn new(incoming: Body, limits: &WebSocketLimits, leaving: &Leaving) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0) // each message leaves at once
            .max_message_size(Some(limits.max_message))
            .max_frame_size(Some(limits.max_message));
        Self {
            context: WebSocketContext::new(Role::Server, Some(config)),
            pipe: Pipe::default(),
            incoming,
            closed: None,
            keep_alive: limits.keep_alive,
            silence: None,
            was_pinged: false,
            arrived: None,
            unfinished: 0,
            counted: 0,
            held: Held::default(),
            growing: None,
            leaving: Some(Box::pin(leaving.begun())),
        }
    }

    /// Whether a message may be sent.
    pub(crate) fn is_open(&self) -> bool {
        self.closed.is_none() && self.context.can_write()
    }

    /// Passes the right to exceed the limit on to an outgoing message, if a partial incoming message has it. Otherwise
    /// the two would wait for each other.
    pub(crate) fn split_beyond(&mut self) -> Option<Held> {
        let beyond = self.held.split_beyond()?;
        self.counted = self.held.size();
        Some(beyond)
    }

    /// Whether a partial incoming message takes room.
    pub(crate) fn holds_room(&self) -> bool {
        self.counted > 0
    }

    /// The next message, or the close; waits until `deadline` at most.
    pub(crate) async fn receive(&mut self, answer: &Arc<Answer>, deadline: Option<Instant>) -> Event {
        let mut timeout = deadline.map(|deadline| Box::pin(sleep_until(deadline)));
        let event = poll_fn(|cx| match self.poll_receive(cx, answer) {
            Poll::Ready(event) => Poll::Ready(event),
            Poll::Pending => match timeout.as_mut().map(|timeout| timeout.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => Poll::Ready(Event::TimedOut),
                Some(Poll::Pending) | None => Poll::Pending,
            },
        })
        .await;
        self.stop_growing(answer);
        event
    }

    /// Sends a message that has its room. Waits while the client is slow.
    pub(crate) async fn send(&mut self, answer: &Answer, kind: Data, payload: Bytes) -> Result<(), NotOpen> {
        poll_fn(|cx| {
            self.leave_if_asked(cx);
            Poll::Ready(())
        })
        .await;
        if !self.is_open() {
            self.flush(answer).await;
            return Err(NotOpen);
        }
        // Pongs in tungstenite's buffer. The pipe takes everything, so there is no error.
        self.context.flush(&mut self.pipe).map_err(|_| NotOpen)?;
        // Not by tungstenite's buffer: it would copy a large message, and keep its capacity. A server's frame is a head
        // and the unmasked message (RFC 6455 §5.3).
        let head = FrameHeader { opcode: OpCode::Data(kind), ..FrameHeader::default() };
        head.format(payload.len() as u64, &mut self.pipe).map_err(|_| NotOpen)?;
        if payload.len() < SMALL {
            self.pipe.append(&payload);
            self.flush(answer).await;
        } else {
            self.flush(answer).await;
            answer.push(payload); // right behind its head
        }
        Ok(())
    }

    /// Sends a close frame. Messages may still arrive until the client's close frame.
    pub(crate) async fn close(&mut self, answer: &Answer, code: u16, reason: &str) -> Result<(), NotOpen> {
        if !self.is_open() {
            return Err(NotOpen);
        }
        self.write_close(code.into(), reason);
        self.flush(answer).await;
        Ok(())
    }

    /// Ends the connection: sends a close frame unless one was sent, and waits a short time for the client's.
    pub(crate) async fn finish(mut self, answer: &Arc<Answer>, code: u16) {
        let closing = async {
            let _ = self.close(answer, code, "").await;
            while self.closed.is_none() {
                self.receive(answer, None).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, closing).await;
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, answer: &Arc<Answer>) -> Poll<Event> {
        loop {
            self.leave_if_asked(cx);
            if let Some(closed) = self.closed.clone() {
                ready!(self.poll_flush(cx, answer));
                return Poll::Ready(Event::Closed(closed));
            }
            match self.context.read(&mut self.pipe) {
                Ok(Message::Text(text)) => {
                    self.give_room_back();
                    return Poll::Ready(Event::Text(text.as_str().to_owned()));
                }
                Ok(Message::Binary(data)) => {
                    self.give_room_back();
                    return Poll::Ready(Event::Binary(data));
                }
                Ok(Message::Close(frame)) => self.end_by_client(frame),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
                Err(Error::Io(_)) => {
                    // What it has to say by itself (a pong) goes out beside the wait, and does not hold it up, unless
                    // the client takes none of it: then nothing is taken from the client either.
                    let flushed = self.poll_flush(cx, answer);
                    if self.pipe.is_full() {
                        ready!(flushed);
                    }
                    ready!(self.poll_more(cx, answer));
                }
                Err(error) => self.end_by_error(&error),
            }
        }
    }

    /// Ready when bytes have arrived, or the client was silent for too long.
    fn poll_more(&mut self, cx: &mut Context<'_>, answer: &Arc<Answer>) -> Poll<()> {
        loop {
            if let Some(size) = self.arrived.as_ref().map(Bytes::len) {
                let has_room = ready!(self.poll_room(cx, answer, self.unfinished + size));
                let data = self.arrived.take().unwrap_or_default();
                if has_room {
                    self.unfinished += size;
                    self.pipe.push(&data);
                } else {
                    self.end_by_error(&Error::Capacity(CapacityError::MessageTooLong { size, max_size: 0 }));
                }
                return Poll::Ready(());
            }
            match Pin::new(&mut self.incoming).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let Ok(data) = frame.into_data() else { continue };
                    self.arrived = Some(data);
                    (self.silence, self.was_pinged) = (None, false);
                    continue;
                }
                Poll::Ready(Some(Err(_)) | None) => {
                    self.pipe.end();
                    return Poll::Ready(());
                }
                Poll::Pending => {}
            }
            let keep_alive = self.keep_alive;
            let silence = self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(keep_alive)));
            ready!(silence.as_mut().poll(cx));
            if self.was_pinged {
                self.closed = Some(Closed { code: BROKEN, reason: String::new() });
                return Poll::Ready(());
            }
            let _ = self.context.write(&mut self.pipe, Message::Ping(Bytes::new())); // no ping is needed if it is closed
            (self.silence, self.was_pinged) = (None, true);
            return Poll::Ready(());
        }
    }

    /// Waits for room for a partial message of this size; a small one needs none. `false`: there is none, and the time
    /// to wait is over.
    fn poll_room(&mut self, cx: &mut Context<'_>, answer: &Arc<Answer>, size: usize) -> Poll<bool> {
        if size < SMALL || size <= self.counted {
            return Poll::Ready(true);
        }
        let more = (size - self.counted).max(STEP);
        if !self.held.is_beyond() {
            let growing = self.growing.get_or_insert_with(|| {
                let answer = Arc::clone(answer);
                Box::pin(async move {
                    let mut held = Held::default();
                    answer.room.grow(&mut held, more, &*answer).await.map(|()| held)
                })
            });
            let grown = ready!(growing.as_mut().poll(cx));
            self.growing = None;
            match grown {
                Ok(held) => self.held.merge(held),
                Err(NoRoom { .. }) => return Poll::Ready(false),
            }
        }
        self.counted += more;
        Poll::Ready(true)
    }

    /// Stops waiting for room. Room must not be given to a wait that nothing polls.
    fn stop_growing(&mut self, answer: &Answer) {
        if self.growing.take().is_some() {
            answer.lack_room(false);
        }
    }

    /// A message is complete and passes to the guest. Bytes behind it keep their room, unless they are few.
    fn give_room_back(&mut self) {
        self.unfinished = self.pipe.unread();
        if self.unfinished < SMALL {
            (self.held, self.counted) = (Held::default(), 0);
        }
    }

    /// Closes the connection when the app closes its WebSockets. The client has a moment to answer (RFC 6455 §7.1.1);
    /// then the guest is told.
    fn leave_if_asked(&mut self, cx: &mut Context<'_>) {
        let Some(leaving) = &mut self.leaving else { return };
        let Poll::Ready(why) = leaving.as_mut().poll(cx) else { return };
        self.leaving = None;
        if self.closed.is_none() && self.context.can_write() {
            self.write_close(why.code().into(), "");
            // As for a client that does not answer a ping.
            (self.silence, self.was_pinged) = (Some(Box::pin(tokio::time::sleep(LAST_WORDS))), true);
        }
    }

    fn end_by_client(&mut self, frame: Option<CloseFrame>) {
        // The reply, if none was sent, is in tungstenite's buffer. The flush that follows sends the last bytes.
        let _ = self.context.flush(&mut self.pipe);
        self.closed = Some(match frame {
            Some(frame) => Closed { code: frame.code.into(), reason: frame.reason.as_str().to_owned() },
            None => Closed { code: NO_STATUS, reason: String::new() },
        });
    }

    /// RFC 6455 §7.1.7 and §7.4.1: a client that violates the protocol gets the reason, and nothing more is read from
    /// it.
    fn end_by_error(&mut self, error: &Error) {
        let code = match error {
            Error::Capacity(_) => CloseCode::Size,
            Error::Utf8(_) => CloseCode::Invalid,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)
            | Error::ConnectionClosed
            | Error::AlreadyClosed => return self.closed = Some(Closed { code: BROKEN, reason: String::new() }),
            _ => CloseCode::Protocol,
        };
        self.write_close(code, "");
        self.closed = Some(Closed { code: code.into(), reason: String::new() });
    }

    fn write_close(&mut self, code: CloseCode, reason: &str) {
        let frame = CloseFrame { code, reason: reason.into() };
        let _ = self.context.close(&mut self.pipe, Some(frame)); // the pipe takes everything
    }

    async fn flush(&mut self, answer: &Answer) {
        poll_fn(|cx| self.poll_flush(cx, answer)).await;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>, answer: &Answer) -> Poll<()> {
        let mut piece = self.pipe.take();
        if piece.is_none() {
            return Poll::Ready(());
        }
        let offered = answer.poll_offer(&mut piece, cx);
        if let Some(piece) = piece {
            self.pipe.put_back(&piece);
        }
        offered
    }
}

/// RFC 6455 §7.4.1: two codes that are never sent.
const NO_STATUS: u16 = 1005;
const BROKEN: u16 = 1006;

/// Allocated for each connection. Larger frames grow it.
const READ_BUFFER: usize = 4 << 10;

/// How long a client may take to answer a close frame.
const LAST_WORDS: Duration = Duration::from_secs(5);
